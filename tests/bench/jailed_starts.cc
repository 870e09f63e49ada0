#include "tests/bench/jailed_starts.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/status.h"
#include "jailer/spawn.h"
#include "tests/bench/jail_report.h"

namespace mayfly::bench {
namespace {

// Far more than the payload takes.
constexpr double kCpus = 1;
constexpr uint64_t kMemory = uint64_t{256} << 20;
constexpr uint64_t kPids = 64;

// A cgroup cannot go while the kernel still frees its last process.
void Remove(jailer::Cgroup& cgroup) {
  constexpr std::chrono::milliseconds kPause{1};
  constexpr int kTries = 100;
  for (int i = 0; i < kTries && absl::IsUnavailable(cgroup.Remove()); ++i) {
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

absl::StatusOr<JailedStarts> JailedStarts::Create(int program) {
  MAYFLY_ASSIGN_OR_RETURN(jailer::Jail prepared, jailer::Jail::ForMany());
  jailer::Jail lone = jailer::Jail::ForOne();
  if (::geteuid() == 0 && lone.rootless()) {
    return absl::FailedPreconditionError(
        "root lacks what a jail of root's takes here (in a container?): see docs/security.md");
  }
  MAYFLY_ASSIGN_OR_RETURN(jailer::CgroupTree cgroups,
                          jailer::CgroupTree::Find(jailer::CgroupSettings::ForThisProcess()));
  return JailedStarts(program, std::move(prepared), std::move(lone), std::move(cgroups));
}

const jailer::Jail* JailedStarts::JailOf(JailKind kind) const {
  switch (kind) {
    case JailKind::kNone:
      return nullptr;
    case JailKind::kPrepared:
    case JailKind::kInCgroup:
      return &prepared_;
    case JailKind::kLoneRoot:
    case JailKind::kLoneUser:
      return &lone_;
  }
  return nullptr;
}

absl::Status JailedStarts::Check(JailKind kind) {
  if (kind != JailKind::kInCgroup) return absl::OkStatus();
  return MakeCgroup().status();
}

absl::StatusOr<jailer::Cgroup> JailedStarts::MakeCgroup() {
  static std::mutex one_at_a_time;
  const std::scoped_lock lock(one_at_a_time);
  jailer::CgroupLimits limits;
  limits.cpus = kCpus;
  limits.memory = kMemory;
  limits.pids = kPids;
  return cgroups_.Make(limits);
}

absl::StatusOr<StartTimes> JailedStarts::RunOne(JailKind kind, std::latch& together) {
  absl::StatusOr<JailReportPipe> pipe = JailReportPipe::Make();
  together.arrive_and_wait();
  MAYFLY_RETURN_IF_ERROR(pipe.status());
  jailer::SpawnOptions options;
  options.program = program_;
  options.arguments = {"jail_payload"};
  options.fds = {{.source = pipe->writer(), .target = STDOUT_FILENO}};
  options.jail = JailOf(kind);
  if (options.jail == nullptr) {
    options.privileges = jailer::Privileges::kKept;
  } else {
    options.arguments.emplace_back("confined");
  }

  StartTimes times;
  times.begin = MonotonicNow();
  std::optional<jailer::Cgroup> cgroup;
  if (kind == JailKind::kInCgroup) {
    MAYFLY_ASSIGN_OR_RETURN(cgroup, MakeCgroup());
    options.cgroup = cgroup->directory();
    options.cgroup_tasks = cgroup->tasks();
  }
  times.cgroup = MonotonicNow() - times.begin;
  MAYFLY_ASSIGN_OR_RETURN(const jailer::ChildProcess child, jailer::Spawn(options));
  times.spawn = MonotonicNow() - times.begin;
  const absl::StatusOr<JailReport> report = pipe->Read();
  MAYFLY_RETURN_IF_ERROR(child.Wait().status());
  if (cgroup) Remove(*cgroup);
  MAYFLY_RETURN_IF_ERROR(report.status());
  times.main = report->main - times.begin;
  times.acted = report->acted - times.begin;
  return times;
}

absl::StatusOr<StartRound> JailedStarts::Run(JailKind kind, size_t at_once) {
  std::vector<absl::StatusOr<StartTimes>> results(at_once, StartTimes{});
  std::latch together(static_cast<std::ptrdiff_t>(at_once));
  {
    std::vector<std::jthread> others;
    for (size_t i = 1; i < at_once; ++i) {
      others.emplace_back([&, i] { results[i] = RunOne(kind, together); });
    }
    results[0] = RunOne(kind, together);
  }
  StartRound round;
  Nanoseconds begin = Nanoseconds::max();
  Nanoseconds end{};
  for (size_t i = 0; i < at_once; ++i) {
    MAYFLY_RETURN_IF_ERROR(results[i].status());
    const StartTimes& times = round.each.at(i) = *results[i];
    begin = std::min(begin, times.begin);
    end = std::max(end, times.begin + times.acted);
  }
  round.all = end - begin;
  return round;
}

}  // namespace mayfly::bench
