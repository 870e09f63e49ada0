#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "jailer/policies/numbers.h"

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

struct SpawnOptions {
  int program = -1;                    // the program, open (O_PATH is enough)
  std::vector<std::string> arguments;  // argv, the name included
  std::vector<FdGrant> fds;            // all that it gets; targets are distinct, and small
  ParentDeath parent_death = ParentDeath::kKillsChild;
  Privileges privileges = Privileges::kRenounced;
};

// How a process ended.
struct ProcessEnd {
  std::optional<int> exit_code;  // of exit(), otherwise
  int signal = 0;                // the signal that ended it

  // Whether it asked the kernel for what its policy does not have (violation.h).
  [[nodiscard]] bool IsViolation() const { return exit_code == kViolationStatus; }
};

// A process that Spawn() made, held by its pidfd: no other process is ever meant by it, however
// numbers are reused. Dropping it neither ends nor reaps the process. Movable between threads.
class [[nodiscard]] ChildProcess final {
 public:
  ChildProcess(pid_t pid, OwnedFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  // For messages and tests; act through the pidfd.
  [[nodiscard]] pid_t pid() const { return pid_; }
  // Readable once the process has ended (pidfd_open(2)).
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

  // SIGKILL. An ended process is left alone.
  void Kill() const;
  // Waits for the end and reaps the process.
  [[nodiscard]] absl::StatusOr<ProcessEnd> Wait() const;
  // Reaps the process where it has ended; nothing while it runs.
  [[nodiscard]] absl::StatusOr<std::optional<ProcessEnd>> TryWait() const;

 private:
  [[nodiscard]] absl::StatusOr<std::optional<ProcessEnd>> WaitWith(int options) const;

  pid_t pid_;
  OwnedFd pidfd_;
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
