#include "jailer/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "base/status.h"
#include "jailer/clone_into.h"
#include "jailer/privileges.h"

namespace mayfly::jailer {
namespace {

// The child calls a handful of system call wrappers, three frames deep.
constexpr size_t kChildStackBytes = size_t{16} << 10;
// Never seen by anybody: the parent takes the failure from memory and reaps.
constexpr int kSetupFailed = 127;
// waitid(2) takes a pidfd with this; glibc knows it as P_PIDFD.
constexpr idtype_t kByPidfd = P_PIDFD;

// Shared by parent and child, who run one after the other (CLONE_VFORK).
struct Setup {
  int program;
  std::span<char* const> argv;
  std::span<FdGrant> fds;  // ascending by target
  ParentDeath parent_death;
  Privileges privileges;
  pid_t parent;
  // What the child could not do, and why; none while `error` is 0.
  const char* failed_step = "";
  int error = 0;
};

[[noreturn]] void Fail(Setup& setup, const char* step) {
  setup.failed_step = step;
  setup.error = errno;
  ::_exit(kSetupFailed);
}

// Every source that lies where a target will, out of the way: afterwards no dup3() can overwrite
// one still needed.
void LiftSources(Setup& setup) {
  const int first_free = setup.fds.empty() ? 0 : setup.fds.back().target + 1;
  const auto lift = [&](int& fd) {
    if (fd >= first_free) return;
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, first_free);
    if (fd < 0) Fail(setup, "moving a file descriptor out of the way");
  };
  for (FdGrant& grant : setup.fds) lift(grant.source);
  lift(setup.program);
}

// Close-on-exec rather than closed: the program itself is needed until then.
void CloseOnExec(Setup& setup, unsigned first, unsigned last) {
  if (first > last) return;
  // By number: glibc's wrapper is younger than the oldest one supported.
  if (::syscall(SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC) != 0) {
    Fail(setup, "closing the other file descriptors");
  }
}

void GrantFds(Setup& setup) {
  LiftSources(setup);
  unsigned next = 0;
  for (const FdGrant& grant : setup.fds) {
    if (::dup2(grant.source, grant.target) < 0) Fail(setup, "handing over a file descriptor");
    const auto target = static_cast<unsigned>(grant.target);
    if (target > 0) CloseOnExec(setup, next, target - 1);
    next = target + 1;
  }
  CloseOnExec(setup, next, ~0U);
}

void DieWithParent(Setup& setup) {
  if (setup.parent_death == ParentDeath::kIgnored) return;
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) Fail(setup, "asking to be ended with the parent");
  // It may have died before that was in force.
  if (::getppid() != setup.parent) ::_exit(kSetupFailed);
}

void ChildProcessMain(void* argument) {
  Setup& setup = *static_cast<Setup*>(argument);
  DieWithParent(setup);
  // Not a session: with autogroups (sched(7)) each would get a scheduling group of its own, which
  // takes up to milliseconds to make while the host is busy.
  if (::setpgid(0, 0) != 0) Fail(setup, "beginning a process group");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail(setup, "renouncing new privileges");
  if (setup.privileges == Privileges::kRenounced) {
    if (const char* const step = RenouncePrivileges()) Fail(setup, step);
  }
  GrantFds(setup);
  // Handlers are gone since the clone; the mask of the caller's thread would be inherited by the
  // program.
  sigset_t none;
  ::sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) Fail(setup, "unblocking signals");
  char* const no_environment[] = {nullptr};
  ::syscall(SYS_execveat, setup.program, "", setup.argv.data(), no_environment, AT_EMPTY_PATH);
  Fail(setup, "executing the program");
}

[[nodiscard]] absl::Status Check(const SpawnOptions& options) {
  if (options.program < 0) return absl::InvalidArgumentError("spawn: no program is open");
  if (options.arguments.empty()) return absl::InvalidArgumentError("spawn: argv is empty");
  std::vector<int> targets;
  for (const FdGrant& grant : options.fds) {
    if (grant.source < 0 || grant.target < 0) {
      return absl::InvalidArgumentError("spawn: a file descriptor to hand over is not open");
    }
    targets.push_back(grant.target);
  }
  std::ranges::sort(targets);
  if (std::ranges::adjacent_find(targets) != targets.end()) {
    return absl::InvalidArgumentError("spawn: two file descriptors have the same number");
  }
  return absl::OkStatus();
}

[[nodiscard]] std::vector<char*> PointersTo(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

absl::StatusOr<ChildProcess> Spawn(const SpawnOptions& options) {
  MAYFLY_RETURN_IF_ERROR(Check(options));
  std::vector<std::string> words = options.arguments;
  const std::vector<char*> argv = PointersTo(words);
  std::vector<FdGrant> fds = options.fds;
  std::ranges::sort(fds, {}, &FdGrant::target);
  Setup setup{.program = options.program,
              .argv = argv,
              .fds = fds,
              .parent_death = options.parent_death,
              .privileges = options.privileges,
              .parent = ::getpid()};

  int pidfd = -1;
  clone_args args{};
  // CLEAR_SIGHAND: a handler of ours must not run in the child, whose memory is ours.
  args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  args.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  // On the heap: the child leaves it in the middle of a call, which only fresh memory makes good
  // for AddressSanitizer.
  const auto stack = std::make_unique_for_overwrite<std::byte[]>(kChildStackBytes);
  const pid_t pid =
      CloneInto(args, std::span(stack.get(), kChildStackBytes), &ChildProcessMain, &setup);
  if (pid < 0) return ErrnoStatus("making a process", -pid);

  ChildProcess child(pid, OwnedFd(pidfd));
  if (setup.error != 0) {
    (void)child.Wait();
    return ErrnoStatus(setup.failed_step, setup.error);
  }
  return child;
}

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
