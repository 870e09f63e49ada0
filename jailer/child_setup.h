#pragma once

#include <sys/types.h>

#include <span>

#include "jailer/child_process.h"
#include "jailer/jail_entry.h"

namespace mayfly::jailer {

// A descriptor for the new program: `source` is ours, `target` the number it gets there.
struct FdGrant {
  int source = -1;
  int target = -1;
};

// What becomes of the new program when the thread that spawned it ends.
enum class ParentDeath {
  kKillsChild,  // PR_SET_PDEATHSIG: SIGKILL
  kIgnored,
};

// Whether the new program may do what its user may.
enum class Privileges {
  kRenounced,  // see privileges.h
  kKept,       // for programs that shut themselves in
};

// What stands between a new process and its program. Shared by parent and child, who run one after
// the other (CLONE_VFORK).
struct ChildSetup {
  int program;
  std::span<char* const> argv;
  std::span<FdGrant> fds;  // ascending by target
  ParentDeath parent_death;
  Privileges privileges;
  const JailEntry* jail;  // may be none
  std::span<const int> cgroup_tasks;
  int parent_pidfd;  // of the parent
  pid_t pid = -1;    // of the child, as the parent knows it

  // What the child could not do, and why; none while `error` is 0.
  const char* failed_step = "";
  int error = 0;
  Keyring keyring = Keyring::kStarters;
};

// The child's life until it is the program: `setup` is a ChildSetup. It leaves by _exit() where a
// step fails. Makes system calls and nothing else: the memory is the parent's.
void BecomeProgram(void* setup);

}  // namespace mayfly::jailer
