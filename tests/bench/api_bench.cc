// api_bench BINARIES [ROUNDS]: what the host service adds to raw KVM, call by call and by the
// hundred. BINARIES is a folder laid out as Bazel's output. Prints JSON lines, as ci/bench
// describes.

#include <kj/async-io.h>

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "tests/bench/arguments.h"
#include "tests/bench/host_client.h"
#include "tests/bench/host_process.h"
#include "tests/bench/process_run.h"
#include "tests/bench/samples.h"

namespace mayfly::bench {
namespace {

constexpr std::string_view kBench = "api";
constexpr int kDefaultRounds = 10;
constexpr int kCalls = 1000;     // in a round
constexpr size_t kAtOnce = 100;  // in a round
constexpr size_t kInARow = 1000;
constexpr size_t kManyVms = 1000;  // that stay
constexpr int kLists = 100;
constexpr int kCommands = 20;
constexpr double kNanosecondsInMillisecond = 1e6;
constexpr double kNanosecondsInMicrosecond = 1e3;
constexpr double kNanosecondsInSecond = 1e9;

double In(Nanoseconds time, double unit) { return static_cast<double>(time.count()) / unit; }
double Rate(size_t count, Nanoseconds time) {
  return static_cast<double>(count) / In(time, kNanosecondsInSecond);
}

class ApiBench final {
 public:
  ApiBench(kj::AsyncIoContext& io, std::string binaries, int rounds)
      : io_(io), binaries_(std::move(binaries)), rounds_(rounds) {}

  absl::Status Run() {
    {
      MAYFLY_ASSIGN_OR_RETURN(const HostProcess host, HostProcess::Start(Program("mayflyd")));
      MAYFLY_ASSIGN_OR_RETURN(HostClient client, HostClient::Open(io_, host.socket()));
      // The first round warms up.
      for (int round = -1; round < rounds_; ++round) {
        keep_ = round >= 0;
        MAYFLY_RETURN_IF_ERROR(RunRound(client));
      }
      MAYFLY_RETURN_IF_ERROR(RunInARow(client));
      MAYFLY_RETURN_IF_ERROR(RunFloorInARow());
    }
    return RunManyVms();
  }
  void Print() const {
    for (const Samples* samples :
         {&call_, &hello_, &row_, &row_floor_, &row_rate_, &row_floor_rate_, &once_, &once_rate_,
          &once_floor_rate_, &list_, &ps_, &memory_}) {
      std::puts(samples->ToJson(kBench).c_str());
    }
  }

 private:
  [[nodiscard]] std::string Program(std::string_view name) const {
    return absl::StrCat(binaries_, "/", absl::string_view(name.data(), name.size()));
  }
  [[nodiscard]] std::string Guest(std::string_view name) const {
    return Program("tests/guests/" + std::string(name));
  }
  void Add(Samples& samples, double value) const {
    if (keep_) samples.Add(value);
  }

  // By turns, so that a noisy moment hits all alike.
  absl::Status RunRound(HostClient& client) {
    for (int i = 0; i < kCalls; ++i) {
      MAYFLY_ASSIGN_OR_RETURN(const Nanoseconds took, client.CallOnce());
      Add(call_, In(took, kNanosecondsInMicrosecond));
    }
    MAYFLY_ASSIGN_OR_RETURN(const auto hello, client.Run(Guest("hello"), 1));
    Add(hello_, In(hello.all, kNanosecondsInMillisecond));
    MAYFLY_RETURN_IF_ERROR(RunAtOnce(client));
    return RunFloorAtOnce();
  }

  absl::Status RunInARow(HostClient& client) {
    const Nanoseconds begin = MonotonicNow();
    for (size_t i = 0; i < kInARow; ++i) {
      MAYFLY_ASSIGN_OR_RETURN(const auto launch, client.Run(Guest("first_byte"), 1));
      row_.Add(In(launch.all, kNanosecondsInMillisecond));
    }
    row_rate_.Add(Rate(kInARow, MonotonicNow() - begin));
    return absl::OkStatus();
  }

  absl::Status RunFloorInARow() {
    const Nanoseconds begin = MonotonicNow();
    for (size_t i = 0; i < kInARow; ++i) {
      MAYFLY_ASSIGN_OR_RETURN(const ProcessRun run, RunFloor());
      row_floor_.Add(In(run.exit, kNanosecondsInMillisecond));
    }
    row_floor_rate_.Add(Rate(kInARow, MonotonicNow() - begin));
    return absl::OkStatus();
  }

  absl::Status RunAtOnce(HostClient& client) {
    MAYFLY_ASSIGN_OR_RETURN(const auto launches, client.Run(Guest("first_byte"), kAtOnce));
    for (const Nanoseconds took : launches.each) Add(once_, In(took, kNanosecondsInMillisecond));
    Add(once_rate_, Rate(kAtOnce, launches.all));
    return absl::OkStatus();
  }

  absl::Status RunFloorAtOnce() {
    std::vector<absl::Status> ends(kAtOnce);
    std::vector<std::thread> threads;
    const Nanoseconds begin = MonotonicNow();
    for (absl::Status& end : ends) threads.emplace_back([&] { end = RunFloor().status(); });
    for (std::thread& thread : threads) thread.join();
    Add(once_floor_rate_, Rate(kAtOnce, MonotonicNow() - begin));
    for (const absl::Status& end : ends) MAYFLY_RETURN_IF_ERROR(end);
    return absl::OkStatus();
  }

  [[nodiscard]] absl::StatusOr<ProcessRun> RunFloor() const {
    MAYFLY_ASSIGN_OR_RETURN(const ProcessRun run,
                            RunProcess({Program("tests/bench/floor"), Guest("first_byte")}));
    if (run.status == 0) return run;
    return absl::InternalError(absl::StrCat("the floor program ended with status ", run.status));
  }

  absl::Status RunManyVms() {
    MAYFLY_ASSIGN_OR_RETURN(const HostProcess host, HostProcess::Start(Program("mayflyd")));
    MAYFLY_ASSIGN_OR_RETURN(HostClient client, HostClient::Open(io_, host.socket()));
    // What one VM costs once and for all is not what each costs.
    MAYFLY_RETURN_IF_ERROR(client.Keep(Guest("echo"), 1));
    MAYFLY_ASSIGN_OR_RETURN(const uint64_t before, host.PrivateMemory());
    MAYFLY_RETURN_IF_ERROR(client.Keep(Guest("echo"), kManyVms - 1));
    MAYFLY_ASSIGN_OR_RETURN(const uint64_t after, host.PrivateMemory());
    memory_.Add(static_cast<double>(after - before) / (kManyVms - 1));
    for (int i = 0; i < kLists; ++i) {
      MAYFLY_ASSIGN_OR_RETURN(const Nanoseconds took, client.ListAll(kManyVms));
      list_.Add(In(took, kNanosecondsInMillisecond));
    }
    for (int i = 0; i < kCommands; ++i) {
      MAYFLY_ASSIGN_OR_RETURN(const ProcessRun run,
                              RunProcess({Program("mayfly"), "--host", host.socket(), "ps"}));
      if (run.status != 0) return absl::InternalError("mayfly ps has failed");
      ps_.Add(In(run.exit, kNanosecondsInMillisecond));
    }
    return absl::OkStatus();
  }

  kj::AsyncIoContext& io_;
  const std::string binaries_;
  const int rounds_;
  bool keep_ = false;
  Samples call_{"a call that asks for nothing, and its answer", "mayflyd", "us"};
  Samples hello_{"hello: launched, started and waited for", "mayflyd", "ms"};
  Samples row_{absl::StrCat(kInARow, " in a row, each"), "mayflyd", "ms"};
  Samples row_floor_{absl::StrCat(kInARow, " in a row, each"), "floor", "ms"};
  Samples row_rate_{absl::StrCat(kInARow, " in a row"), "mayflyd", "VMs/s"};
  Samples row_floor_rate_{absl::StrCat(kInARow, " in a row"), "floor", "VMs/s"};
  Samples once_{absl::StrCat(kAtOnce, " at once, each"), "mayflyd", "ms"};
  Samples once_rate_{absl::StrCat(kAtOnce, " at once"), "mayflyd", "VMs/s"};
  Samples once_floor_rate_{absl::StrCat(kAtOnce, " at once"), "floor", "VMs/s"};
  Samples list_{absl::StrCat("list of ", kManyVms, " VMs"), "mayflyd", "ms"};
  Samples ps_{absl::StrCat("mayfly ps of ", kManyVms, " VMs"), "mayflyd", "ms"};
  Samples memory_{absl::StrCat("private memory for each of ", kManyVms, " VMs"), "mayflyd", "KiB"};
};

int Main(const std::string& binaries, int rounds) {
  kj::AsyncIoContext io = kj::setupAsyncIo();
  ApiBench bench(io, binaries, rounds);
  if (const absl::Status status = bench.Run(); !status.ok()) {
    std::fprintf(stderr, "api_bench: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  bench.Print();
  return 0;
}

}  // namespace
}  // namespace mayfly::bench

int main(int argc, char** argv) {
  using namespace mayfly::bench;
  const std::span arguments(argv, static_cast<size_t>(argc));
  const int rounds = PositiveArgument(arguments, 2, kDefaultRounds);
  if (arguments.size() < 2 || arguments.size() > 3 || rounds == 0) {
    std::fputs("usage: api_bench BINARIES [ROUNDS]\n", stderr);
    return 2;
  }
  return Main(arguments[1], rounds);
}
