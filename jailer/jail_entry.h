#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "jailer/child_process.h"

namespace mayfly::jailer {

// The namespaces whose emptiness VMs can share: no VMM looks for anything there, and nobody who is
// filtered can leave something. What could pass between two without filters, docs/THREATS.md says.
inline constexpr size_t kSharedNamespaces = 4;  // mount, network, ipc, uts

// How a new process gets into a jail: plain data, for one that has not come as far as a program
// yet. See Jail.
struct JailEntry {
  // Of clone3(2): the namespaces that are made with the process.
  uint64_t clone_flags = 0;
  // Open namespaces to enter, the mount namespace with its empty root among them; none (-1) where
  // all are made with the process, and the root is still to be emptied.
  std::array<int, kSharedNamespaces> namespaces = {-1, -1, -1, -1};
  // Whether the process gets a user and a group that are its own alone (vm_ids.h).
  bool has_own_ids = false;
};

// What has come of it.
struct Entered {
  // What could not be done, with errno set; nullptr where all could.
  const char* failed_step = nullptr;
  Keyring keyring = Keyring::kStarters;
};

// Takes the calling process there: namespaces, an empty root, a host name that says nothing, a
// session keyring of its own (keyrings(7)). Users and groups remain: see RenouncePrivileges().
// Makes system calls and nothing else, so that a process that shares its memory with another
// (vfork) may call it.
[[nodiscard]] Entered EnterJail(const JailEntry& jail);

// Its two halves, for those who time them. The first returns as EmptyNamespaces().
[[nodiscard]] const char* EnterNamespaces(const JailEntry& jail);
[[nodiscard]] Entered JoinOwnKeyring();

// Empties namespaces that were just made: the root and the host name. Returns as EnterJail().
[[nodiscard]] const char* EmptyNamespaces();

}  // namespace mayfly::jailer
