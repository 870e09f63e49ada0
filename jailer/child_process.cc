#include "jailer/child_process.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"

namespace mayfly::jailer {
namespace {

// waitid(2) takes a pidfd with this; glibc knows it as P_PIDFD.
constexpr idtype_t kByPidfd = P_PIDFD;

}  // namespace

void ChildProcess::Kill() const {
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0U);
}

absl::StatusOr<std::optional<ProcessEnd>> ChildProcess::WaitWith(int options) const {
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(kByPidfd, static_cast<id_t>(pidfd_.get()), &info, WEXITED | options);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return ErrnoStatus("waiting for a process");
  if (info.si_pid == 0) return std::optional<ProcessEnd>();  // WNOHANG, and it runs
  if (info.si_code == CLD_EXITED) return ProcessEnd{.exit_code = info.si_status};
  return ProcessEnd{.exit_code = std::nullopt, .signal = info.si_status};
}

absl::StatusOr<ProcessEnd> ChildProcess::Wait() const {
  MAYFLY_ASSIGN_OR_RETURN(const std::optional<ProcessEnd> end, WaitWith(0));
  if (!end) return absl::InternalError("waiting for a process: it has not ended");
  return *end;
}

absl::StatusOr<std::optional<ProcessEnd>> ChildProcess::TryWait() const {
  return WaitWith(WNOHANG);
}

}  // namespace mayfly::jailer
