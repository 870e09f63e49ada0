#pragma once

#include <sys/types.h>

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "jailer/policies/numbers.h"

namespace mayfly::jailer {

// How a process ended.
struct ProcessEnd {
  std::optional<int> exit_code;  // of exit(), otherwise
  int signal = 0;                // the signal that ended it

  // Whether it asked the kernel for what its policy does not have (violation.h).
  [[nodiscard]] bool IsViolation() const { return exit_code == kViolationStatus; }
};

// Whose session keyring a process has (keyrings(7)).
enum class Keyring {
  kOwn,
  kStarters,  // its user has as many keys as it may, or it is in no jail
};

// A process that Spawn() made, held by its pidfd: no other process is ever meant by it, however
// numbers are reused. Dropping it neither ends nor reaps the process. Movable between threads.
class [[nodiscard]] ChildProcess final {
 public:
  ChildProcess(pid_t pid, OwnedFd pidfd, Keyring keyring)
      : pid_(pid), pidfd_(std::move(pidfd)), keyring_(keyring) {}

  // For messages and tests; act through the pidfd.
  [[nodiscard]] pid_t pid() const { return pid_; }
  // Readable once the process has ended (pidfd_open(2)).
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] Keyring keyring() const { return keyring_; }

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
  Keyring keyring_;
};

}  // namespace mayfly::jailer
