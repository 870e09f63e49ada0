#include "tests/bench/jail_steps.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/jail_entry.h"
#include "jailer/landlock.h"
#include "jailer/privileges.h"
#include "jailer/seccomp.h"
#include "jailer/vfork_into.h"
#include "jailer/vm_ids.h"
#include "tests/bench/jail_report.h"

namespace mayfly::bench {
namespace {

// A child shares our memory until its exec (vfork): what it writes here is ours to read.
struct Walk {
  const jailer::JailEntry* jail = nullptr;
  int program = -1;
  int output = -1;  // the program's
  jailer::ThreadKind thread = jailer::ThreadKind::kApi;
  pid_t pid = -1;

  Nanoseconds born{};
  Nanoseconds in_namespaces{};
  Nanoseconds with_keyring{};
  Nanoseconds without_privileges{};
  const char* failed_step = nullptr;
};

[[nodiscard]] JailStep MakeStep(std::string_view name, Nanoseconds took) {
  JailStep step{.took = took};
  name.copy(step.name.data(), step.name.size() - 1);
  return step;
}

// Waits for the child's exec or end. How long from just before to its first instruction is told.
[[nodiscard]] absl::StatusOr<Nanoseconds> Send(Walk& walk, uint64_t flags,
                                               jailer::ChildMain child_main) {
  clone_args args{};
  args.flags = CLONE_PARENT_SETTID | flags;
  args.parent_tid = reinterpret_cast<uintptr_t>(&walk.pid);
  const Nanoseconds begin = MonotonicNow();
  const pid_t pid = jailer::VforkInto(args, child_main, &walk);
  if (pid < 0) return ErrnoStatus("making a process", -pid);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (walk.failed_step != nullptr) {
    return absl::InternalError(absl::StrCat("measuring a jail's steps: ", walk.failed_step));
  }
  return walk.born - begin;
}

[[noreturn]] void Fail(Walk& walk, const char* step) {
  walk.failed_step = step;
  ::_exit(1);
}

void GoAllTheWay(void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  walk.born = MonotonicNow();
  if (walk.jail != nullptr) {
    if (const char* const step = jailer::EnterNamespaces(*walk.jail)) Fail(walk, step);
    walk.in_namespaces = MonotonicNow();
    if (const auto joined = jailer::JoinOwnKeyring(); joined.failed_step != nullptr) {
      Fail(walk, joined.failed_step);
    }
    walk.with_keyring = MonotonicNow();
    std::optional<uid_t> own_id;
    if (walk.jail->has_own_ids) own_id = jailer::VmId(walk.pid);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail(walk, "renouncing new privileges");
    if (const char* const step = jailer::RenouncePrivileges(own_id)) Fail(walk, step);
  }
  walk.without_privileges = MonotonicNow();
  if (::dup2(walk.output, STDOUT_FILENO) < 0) Fail(walk, "handing over a file descriptor");
  char name[] = "jail_payload";
  char* const argv[] = {name, nullptr};
  char* const no_environment[] = {nullptr};
  ::syscall(SYS_execveat, walk.program, "", argv, no_environment, AT_EMPTY_PATH);
  Fail(walk, "executing the program");
}

void BeBorn(void* argument) {
  static_cast<Walk*>(argument)->born = MonotonicNow();
  ::_exit(0);
}

void TakeToLandlock(void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  walk.born = MonotonicNow();
  if (!jailer::ForsakeFiles().ok()) walk.failed_step = "landlock";
  walk.without_privileges = MonotonicNow();
  ::_exit(0);
}

void TakeAFilter(void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  walk.born = MonotonicNow();
  if (!jailer::InstallFilter(walk.thread).ok()) walk.failed_step = "a filter";
  walk.without_privileges = MonotonicNow();
  // The policies have only one of them for any status.
  if (walk.thread == jailer::ThreadKind::kApi) ::_exit(0);
  ::syscall(SYS_exit, 0);
}

}  // namespace

absl::StatusOr<std::vector<JailStep>> MeasureWay(int program, const jailer::Jail* jail) {
  MAYFLY_ASSIGN_OR_RETURN(JailReportPipe pipe, JailReportPipe::Make());
  Walk walk;
  walk.program = program;
  walk.output = pipe.writer();
  uint64_t flags = 0;
  if (jail != nullptr) {
    walk.jail = &jail->entry();
    flags = walk.jail->clone_flags;
  }
  MAYFLY_ASSIGN_OR_RETURN(const Nanoseconds clone, Send(walk, flags, &GoAllTheWay));
  MAYFLY_ASSIGN_OR_RETURN(const JailReport report, pipe.Read());
  std::vector<JailStep> steps = {MakeStep("clone3, namespaces", clone)};
  if (jail != nullptr) {
    const bool prepared = walk.jail->namespaces.front() >= 0;
    steps.push_back(
        MakeStep(prepared ? "setns (root)" : "root, host name", walk.in_namespaces - walk.born));
    steps.push_back(MakeStep("keyring", walk.with_keyring - walk.in_namespaces));
    steps.push_back(MakeStep("credentials", walk.without_privileges - walk.with_keyring));
  }
  steps.push_back(MakeStep("exec, to main()", report.main - walk.without_privileges));
  return steps;
}

absl::StatusOr<std::vector<JailStep>> MeasureConfinement() {
  std::vector<JailStep> steps;
  const auto measure = [&](const std::string& name, Walk walk,
                           jailer::ChildMain child_main) -> absl::Status {
    MAYFLY_RETURN_IF_ERROR(Send(walk, 0, child_main).status());
    steps.push_back(MakeStep(name, walk.without_privileges - walk.born));
    return absl::OkStatus();
  };
  MAYFLY_RETURN_IF_ERROR(measure("landlock", {}, &TakeToLandlock));
  for (const jailer::ThreadKind thread : jailer::kThreadKinds) {
    MAYFLY_RETURN_IF_ERROR(measure(std::string("filter: ") + jailer::ThreadName(thread),
                                   {.thread = thread}, &TakeAFilter));
  }
  return steps;
}

absl::StatusOr<std::vector<JailStep>> MeasureNamespaces() {
  struct Kind {
    const char* name;
    uint64_t flags;
  };
  constexpr std::array kKinds = {
      Kind{"clone3", 0},
      Kind{"clone3: pid", CLONE_NEWPID},
      Kind{"clone3: mnt", CLONE_NEWNS},
      Kind{"clone3: net", CLONE_NEWNET},
      Kind{"clone3: ipc", CLONE_NEWIPC},
      Kind{"clone3: uts", CLONE_NEWUTS},
      Kind{"clone3: user", CLONE_NEWUSER},
  };
  std::vector<JailStep> steps;
  for (const Kind& kind : kKinds) {
    Walk walk;
    MAYFLY_ASSIGN_OR_RETURN(const Nanoseconds took, Send(walk, kind.flags, &BeBorn));
    steps.push_back(MakeStep(kind.name, took));
  }
  return steps;
}

}  // namespace mayfly::bench
