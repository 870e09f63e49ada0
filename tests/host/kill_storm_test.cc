// Whenever mayflyd is killed, among launches and detaches: the next one finds the detached VMs, and
// nothing is left of the others.
//
// $MAYFLY_KILLS: how many (30): bazel test --test_env=MAYFLY_KILLS=2000 --test_timeout=3600
// //tests/host:kill_storm_outside_test

#include <signal.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "jailer/sanitized.h"
#include "tests/host/host_test.h"
#include "tests/jail/host_state.h"

namespace mayfly::testing {
namespace {

using ::testing::IsEmpty;

// From a launch to well behind a guest's first instruction, on a busy machine.
constexpr int kLatestMicroseconds = jailer::kSanitized ? 800'000 : 30'000;
constexpr int kMostLaunches = 6;
// Of processes: more than any of these has.
constexpr uint64_t kPids = 100;

uint64_t Kills() {
  const char* const text = std::getenv("MAYFLY_KILLS");
  return text == nullptr ? 30 : std::strtoull(text, nullptr, 10);
}

class HostKillStormTest : public HostTest {
 protected:
  int Pick(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }

  // Whether VMs can have a cgroup here. Afterwards there is what stays: the one that theirs are in.
  void TryLimits() {
    may_limit_ =
        RunGuest("exit_status", {"--limit", "pids=" + std::to_string(kPids)}).Run().exit_code == 42;
  }

  // A host's life: finds what there is, launches more, and is killed at some moment.
  void KillOne() {
    StartDaemon();
    auto client = Connect();
    RemoveSome(*client);
    std::vector<rpc::Machine::Client> machines;
    std::vector<kj::Promise<void>> calls;
    for (int launches = Pick(kMostLaunches - 1) + 1; launches > 0; --launches) {
      Launch(*client, machines, calls);
    }
    io_.provider->getTimer()
        .afterDelay(Pick(kLatestMicroseconds) * kj::MICROSECONDS)
        .wait(io_.waitScope);
    KillDaemon();
  }

  // Until nothing is there, by a host that lives.
  void RemoveAll() {
    StartDaemon();
    auto client = Connect();
    auto list = List(*client);
    for (const auto machine : list.getMachines()) {
      ++found_;
      EXPECT_TRUE(machine.getDetached()) << machine.getName().cStr();
      Get(*client, machine.getName()).attachRequest().send().wait(io_.waitScope);
    }
    AwaitTaken(*client, 0);
    client = nullptr;
    StopDaemon();
  }

  bool may_limit_ = false;
  uint64_t launched_ = 0;
  uint64_t found_ = 0;

 private:
  // Ended by its host, or killed like it.
  void RemoveSome(api::HostConnection& client) {
    auto list = List(client);
    for (const auto machine : list.getMachines()) {
      EXPECT_TRUE(machine.getDetached()) << machine.getName().cStr();
      if (Pick(1) == 0) continue;
      ++found_;
      // 0: it has ended by itself. To kill that would be to kill ourselves.
      const auto process = static_cast<pid_t>(machine.getPid());
      if (process != 0 && Pick(1) == 0) ::kill(process, SIGKILL);
      (void)ErrorOf(Get(client, machine.getName()).attachRequest().send());
    }
  }
  // One that is detached from the start, later, or never.
  void Launch(api::HostConnection& client, std::vector<rpc::Machine::Client>& machines,
              std::vector<kj::Promise<void>>& calls) {
    const auto ignore = [](kj::Exception&&) {};
    auto request = SmallLaunchRequest(client, "halt");
    request.setName(("vm-" + std::to_string(launched_++)).c_str());
    const int detaching = Pick(2);
    request.setDetached(detaching == 0);
    if (may_limit_ && Pick(1) == 0) request.getSpec().initLimits().setPids(kPids);
    auto launch = request.send();
    machines.push_back(launch.getMachine());
    calls.push_back(launch.ignoreResult().catch_(ignore).eagerlyEvaluate(nullptr));
    if (detaching != 1) return;
    calls.push_back(
        machines.back().detachRequest().send().ignoreResult().catch_(ignore).eagerlyEvaluate(
            nullptr));
  }

  std::mt19937 random_{std::random_device()()};
};

TEST_F(HostKillStormTest, LeavesNothing) {
  TryLimits();
  const HostState before = TakeHostState(Path(""));
  for (uint64_t kill = 0; kill < Kills() && !HasFailure(); ++kill) KillOne();
  RemoveAll();
  std::cout << Kills() << " of mayflyd killed, which launched " << launched_ << " VMs, of which "
            << found_ << " were found again"
            << (may_limit_ ? "; half of them in a cgroup\n" : "\n");
  EXPECT_GT(found_, 0U);
  // What the kernel frees in its own time, and what a killed one left, goes with the next command.
  (void)RunGuest("exit_status").Run();
  EXPECT_THAT(LeftSince(before, Path("")), IsEmpty());
}

}  // namespace
}  // namespace mayfly::testing
