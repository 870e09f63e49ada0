#include "jailer/child_setup.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string_view>

#include "jailer/privileges.h"
#include "jailer/vm_ids.h"

namespace mayfly::jailer {
namespace {

// Never seen by anybody: the parent takes the failure from memory and reaps.
constexpr int kSetupFailed = 127;

[[noreturn]] void Fail(ChildSetup& setup, const char* step) {
  setup.failed_step = step;
  setup.error = errno;
  ::_exit(kSetupFailed);
}

// Every source that lies where a target will, out of the way: afterwards no dup3() can overwrite
// one still needed.
void LiftSources(ChildSetup& setup) {
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
void CloseOnExec(ChildSetup& setup, unsigned first, unsigned last) {
  if (first > last) return;
  // By number: glibc's wrapper is younger than the oldest one supported.
  if (::syscall(SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC) != 0) {
    Fail(setup, "closing the other file descriptors");
  }
}

void GrantFds(ChildSetup& setup) {
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

void DieWithParent(ChildSetup& setup) {
  if (setup.parent_death == ParentDeath::kIgnored) return;
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) Fail(setup, "asking to be ended with the parent");
  // It may have died before that was in force. getppid(2) cannot tell: from within a pid namespace
  // all parents outside look alike.
  pollfd parent{.fd = setup.parent_pidfd, .events = POLLIN, .revents = 0};
  const int ended = ::poll(&parent, 1, 0);
  if (ended < 0) Fail(setup, "looking whether the parent lives");
  if (ended > 0) ::_exit(kSetupFailed);
}

void EnterCgroups(ChildSetup& setup) {
  for (const int tasks : setup.cgroup_tasks) {
    constexpr std::string_view kMyself = "0";
    if (::write(tasks, kMyself.data(), kMyself.size()) < 0) Fail(setup, "entering a cgroup");
  }
}

void ShutIn(ChildSetup& setup) {
  std::optional<uid_t> own_id;
  if (setup.jail != nullptr) {
    const Entered entered = EnterJail(*setup.jail);
    if (entered.failed_step != nullptr) Fail(setup, entered.failed_step);
    setup.keyring = entered.keyring;
    if (setup.jail->has_own_ids) own_id = VmId(setup.pid);
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail(setup, "renouncing new privileges");
  if (setup.privileges == Privileges::kKept) return;
  if (const char* const step = RenouncePrivileges(own_id)) Fail(setup, step);
}

}  // namespace

void BecomeProgram(void* argument) {
  ChildSetup& setup = *static_cast<ChildSetup*>(argument);
  // Not a session: with autogroups (sched(7)) each would get a scheduling group of its own, which
  // takes up to milliseconds to make while the host is busy.
  if (::setpgid(0, 0) != 0) Fail(setup, "beginning a process group");
  EnterCgroups(setup);
  ShutIn(setup);
  // Changing users takes it back (prctl(2)).
  DieWithParent(setup);
  GrantFds(setup);
  // Behind the last use of descriptors with the starter's numbers.
  if (setup.privileges == Privileges::kRenounced) {
    if (const char* const step = LimitResources()) Fail(setup, step);
  }
  // Handlers are gone since the clone; the mask of the caller's thread would be inherited by the
  // program.
  sigset_t none;
  ::sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) Fail(setup, "unblocking signals");
  char* const no_environment[] = {nullptr};
  ::syscall(SYS_execveat, setup.program, "", setup.argv.data(), no_environment, AT_EMPTY_PATH);
  Fail(setup, "executing the program");
}

}  // namespace mayfly::jailer
