// start_bench BINARIES [RUNS]: how long a start takes, the subjects interleaved run by run so that
// a noisy moment hits all of them alike. BINARIES is a folder laid out as Bazel's output. Prints
// JSON lines, as ci/bench describes.
#include <kj/async-io.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/timeline.h"
#include "tests/bench/arguments.h"
#include "tests/bench/process_run.h"
#include "tests/bench/qemu.h"
#include "tests/bench/samples.h"
#include "tests/bench/vmm_run.h"

namespace mayfly::bench {
namespace {

constexpr std::string_view kBench = "start";
constexpr int kDefaultRuns = 200;
// Page cache, CPU profile cache, and the first-VM costs of the host.
constexpr int kWarmUps = 3;
constexpr int kMemoryRuns = 5;
// The kernel frees a VM for some 15 ms after its program has ended, and `mayfly run` does not wait
// for that: without a pause the next subject would pay for it.
constexpr std::chrono::milliseconds kSettle{40};
constexpr double kNanosecondsInMillisecond = 1e6;
constexpr double kNanosecondsInMicrosecond = 1e3;

double Milliseconds(Nanoseconds time) {
  return static_cast<double>(time.count()) / kNanosecondsInMillisecond;
}

// A program that runs the guest and ends with its status 0, or (as QEMU's debug exit does it)
// with 1.
struct Command {
  std::string subject;
  std::vector<std::string> argv;
  int status = 0;
  Samples first_byte{"exec to the guest's first byte", subject, "ms"};
  Samples exit{"exec to its own exit", subject, "ms"};
};

std::vector<Command> Commands(const std::string& binaries, const std::string& guest) {
  return {
      {.subject = "floor", .argv = {binaries + "/tests/bench/floor", guest}},
      {.subject = "mayfly run", .argv = {binaries + "/mayfly", "run", "--kernel", guest}},
      {.subject = "qemu", .argv = QemuMicrovm(guest), .status = kQemuStatus},
  };
}

// The time from each step of a start to the next.
class Steps final {
 public:
  void Add(const Timeline& timeline) {
    std::vector<std::pair<Nanoseconds, TimelineStep>> happened;
    for (size_t i = 0; i < kTimelineSteps; ++i) {
      const auto step = static_cast<TimelineStep>(i);
      if (const auto at = timeline.At(step)) happened.emplace_back(*at, step);
    }
    std::sort(happened.begin(), happened.end());
    for (size_t i = 1; i < happened.size(); ++i) {
      const TimelineStep step = happened[i].second;
      const Nanoseconds took = happened[i].first - happened[i - 1].first;
      auto [found, unused] =
          steps_.try_emplace(step, absl::StrFormat("step: %s", std::string(TimelineStepName(step))),
                             "mayfly-vmm", "us");
      found->second.Add(static_cast<double>(took.count()) / kNanosecondsInMicrosecond);
    }
  }
  void Print() const {
    for (const auto& [unused, samples] : steps_) std::puts(samples.ToJson(kBench).c_str());
  }

 private:
  std::map<TimelineStep, Samples> steps_;
};

int Fail(const std::string& what) {
  std::fprintf(stderr, "start_bench: %s\n", what.c_str());
  return 1;
}

// An error text, empty where all went well.
std::string RunCommand(Command& command, bool keep) {
  const auto run = RunProcess(command.argv);
  if (!run.ok()) return std::string(run.status().message());
  if (!run->first_byte || run->status != command.status) {
    return absl::StrFormat("%s ended with status %d, not %d", command.subject, run->status,
                           command.status);
  }
  if (!keep) return "";
  command.first_byte.Add(Milliseconds(*run->first_byte));
  command.exit.Add(Milliseconds(run->exit));
  return "";
}

int Main(const std::string& binaries, int runs) {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  const std::string guest = binaries + "/tests/guests/first_byte";
  auto vmm = VmmRunner::Create(io, binaries + "/mayfly-vmm", guest);
  if (!vmm.ok()) return Fail(std::string(vmm.status().message()));
  std::vector<Command> commands = Commands(binaries, guest);
  Samples vmm_first("exec to the guest's first byte", "mayfly-vmm", "ms");
  Samples vmm_exit("exec to its exit status", "mayfly-vmm", "ms");
  Steps steps;
  for (int i = -kWarmUps; i < runs; ++i) {
    for (Command& command : commands) {
      std::this_thread::sleep_for(kSettle);
      if (const std::string error = RunCommand(command, i >= 0); !error.empty()) return Fail(error);
    }
    std::this_thread::sleep_for(kSettle);
    Timeline timeline;
    const auto run = vmm->RunOnce(timeline);
    if (!run.ok()) return Fail(std::string(run.status().message()));
    if (i < 0) continue;
    vmm_first.Add(Milliseconds(run->first_byte));
    vmm_exit.Add(Milliseconds(run->exit));
    steps.Add(timeline);
  }

  auto idle = VmmRunner::Create(io, binaries + "/mayfly-vmm", binaries + "/tests/guests/spin");
  if (!idle.ok()) return Fail(std::string(idle.status().message()));
  Samples memory("private memory beside the guest's", "mayfly-vmm", "KiB");
  for (int i = 0; i < kMemoryRuns; ++i) {
    const auto kib = idle->MeasurePrivateMemory();
    if (!kib.ok()) return Fail(std::string(kib.status().message()));
    memory.Add(static_cast<double>(*kib));
  }

  for (const Command& command : commands) std::puts(command.first_byte.ToJson(kBench).c_str());
  std::puts(vmm_first.ToJson(kBench).c_str());
  for (const Command& command : commands) std::puts(command.exit.ToJson(kBench).c_str());
  std::puts(vmm_exit.ToJson(kBench).c_str());
  steps.Print();
  std::puts(memory.ToJson(kBench).c_str());
  return 0;
}

}  // namespace
}  // namespace mayfly::bench

int main(int argc, char** argv) {
  using namespace mayfly::bench;
  const std::span arguments(argv, static_cast<size_t>(argc));
  const int runs = PositiveArgument(arguments, 2, kDefaultRuns);
  if (arguments.size() < 2 || arguments.size() > 3 || runs == 0) {
    std::fputs("usage: start_bench BINARIES [RUNS]\n", stderr);
    return 2;
  }
  return Main(arguments[1], runs);
}
