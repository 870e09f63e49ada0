#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "jailer/child_process.h"
#include "jailer/child_setup.h"
#include "jailer/jail.h"

namespace mayfly::jailer {

struct SpawnOptions {
  int program = -1;                    // the program, open (O_PATH is enough)
  std::vector<std::string> arguments;  // argv, the name included
  std::vector<FdGrant> fds;            // all that it gets; targets are distinct, and small
  ParentDeath parent_death = ParentDeath::kKillsChild;
  Privileges privileges = Privileges::kRenounced;
  const Jail* jail = nullptr;  // its surroundings; ours where there is none. Not with kKept
  // Where it is counted and limited from its first instruction on: the open directory of a cgroup
  // of version 2, or none (-1), and open files `tasks` of version 1 (cgroup/cgroup_child.h says why
  // these).
  int cgroup = -1;
  std::vector<int> cgroup_tasks;
};

// Starts a program that holds exactly the descriptors given to it: no other one of ours, no
// environment, no new privileges by exec, a process group of its own (so that the terminal's
// signals are not for it), no signal blocked or handled.
//
// The caller stands still until the exec, as with vfork, so that a failure of any step comes back
// from here. Nothing is copied, which makes it fast: spawn, exec and end of an empty program took
// 0.42 ms from a process of 4 MiB, where posix_spawn(3) took 0.44 and fork 0.89. Errors:
// InvalidArgument for bad options, otherwise the failed step's errno. Threading: any thread; with
// kKillsChild it is that thread's end which counts (prctl(2)).
[[nodiscard]] absl::StatusOr<ChildProcess> Spawn(const SpawnOptions& options);

}  // namespace mayfly::jailer
