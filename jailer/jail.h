#pragma once

#include <array>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "jailer/jail_entry.h"

namespace mayfly::jailer {

// The surroundings of a VM's process: an empty root that nobody can write to, an empty network, no
// System V or POSIX objects, a host name that says nothing, no other process to be seen, a session
// keyring of its own, and a user of its own where root starts it. Spawn() puts a program there.
//
// Root makes all of it as it is. Other users, and a root without the capabilities or the user
// numbers for it (in a container), make it within a user namespace of the VM's own, in which no
// user has a number: there is nobody that its process could become. Then its user is the
// starter's.
//
// Movable; any thread; it may be shared, and has to outlive only the calls of Spawn() with it.
class [[nodiscard]] Jail final {
 public:
  // Made anew with each process, in one to three milliseconds: for a single VM. See ci/bench jail.
  [[nodiscard]] static Jail ForOne();
  // What can be shared (jail_entry.h) is made now, so that each process just enters it. Where only
  // user namespaces can be had, that is nothing, and it is as ForOne().
  // Errors: the errno of what failed; /proc is needed.
  [[nodiscard]] static absl::StatusOr<Jail> ForMany();

  [[nodiscard]] const JailEntry& entry() const { return entry_; }
  // Whether it is within a user namespace.
  [[nodiscard]] bool rootless() const { return !entry_.has_own_ids; }

 private:
  Jail() = default;

  JailEntry entry_;
  std::array<OwnedFd, kSharedNamespaces> namespaces_;
};

}  // namespace mayfly::jailer
