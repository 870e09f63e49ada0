// Whatever is killed, and whenever: nothing of a VM is left on its host.
//
// $MAYFLY_KILLS: how many (200): bazel test --test_env=MAYFLY_KILLS=2000
// //tests/jail:kill_storm_test

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "jailer/jail.h"
#include "tests/cli/cli_test.h"
#include "tests/jail/host_state.h"

namespace mayfly::testing {
namespace {

using ::testing::IsEmpty;

// From the exec of `mayfly` to well behind a guest's first words, on a busy machine.
constexpr int kLatestMicroseconds = 15'000;
constexpr std::chrono::seconds kGrace{10};
constexpr std::chrono::milliseconds kStep{50};

// Of processes: more than any of these has.
const std::vector<std::string> kLimit = {"--limit", "pids=100"};

uint64_t Kills() {
  const char* const text = std::getenv("MAYFLY_KILLS");
  return text == nullptr ? 200 : std::strtoull(text, nullptr, 10);
}

// A child of a process with one thread; -1 where it has none.
pid_t FirstChildOf(pid_t parent) {
  const std::string number = std::to_string(parent);
  std::ifstream children("/proc/" + number + "/task/" + number + "/children");
  pid_t child = -1;
  children >> child;
  return children ? child : -1;
}

// What there is now and was not before.
HostState Added(const HostState& before) {
  HostState added;
  for (const auto& [kind, things] : TakeHostState()) {
    std::ranges::set_difference(things, before.at(kind),
                                std::inserter(added[kind], added[kind].begin()));
    if (added[kind].empty()) added.erase(kind);
  }
  return added;
}

class KillStormTest : public CliTest {
 protected:
  int Pick(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }

  // One VM, of which something is killed at some moment. Its end is awaited.
  void KillOne() {
    const std::string guest = Pick(3) == 0 ? "hello" : "echo";
    std::vector<std::string> words = {"--disk", base_ + ",overlay=memory", "--net", "none",
                                      "--cpus", Pick(1) == 0 ? "1" : "2"};
    if (may_limit_ && Pick(1) == 0) words.insert(words.end(), kLimit.begin(), kLimit.end());
    Command run = RunGuest(guest, words);
    run.Start();
    std::this_thread::sleep_for(std::chrono::microseconds(Pick(kLatestMicroseconds)));
    const pid_t vmm = FirstChildOf(run.pid());
    const int victim = Pick(2);
    if (victim != 0 && vmm > 0) {
      ++vmms_killed_;
      ::kill(vmm, SIGKILL);
    }
    // A VMM's end is for `mayfly` to notice; what has no VMM (any more) is killed all the same.
    if (victim != 1 || vmm < 0) {
      ++starters_killed_;
      run.Signal(Pick(1) == 0 ? SIGKILL : SIGTERM);
    }
    (void)run.Wait();
  }

  // Whether VMs can have a cgroup here. Afterwards there is what stays: the one that theirs are in.
  void TryLimits() {
    may_limit_ = RunGuest("hello", {kLimit.begin(), kLimit.end()}).Run().exit_code == 0;
  }

  std::string base_;
  bool may_limit_ = false;
  uint64_t vmms_killed_ = 0;
  uint64_t starters_killed_ = 0;

 private:
  std::mt19937 random_{std::random_device()()};
};

TEST_F(KillStormTest, LeavesNothing) {
  base_ = MakeSparseFile("base", 1 << 20);
  TryLimits();
  const HostState before = TakeHostState();
  for (uint64_t kill = 0; kill < Kills() && !HasFailure(); ++kill) KillOne();
  const bool rootless = jailer::Jail::ForOne().rootless();
  std::cout << Kills() << (rootless ? " rootless" : "") << " VMs: killed " << starters_killed_
            << " of mayfly, " << vmms_killed_ << " of mayfly-vmm"
            << (may_limit_ ? "; half of them in a cgroup\n" : "\n");
  EXPECT_GT(vmms_killed_, 0U);
  EXPECT_GT(starters_killed_, 0U);
  // What the kernel frees in its own time, and what a killed one left, goes with the next command.
  (void)Mayfly({"run", "--kernel", GuestPath("hello")}).Run();
  HostState left = Added(before);
  for (const auto end = std::chrono::steady_clock::now() + kGrace;
       !left.empty() && std::chrono::steady_clock::now() < end; left = Added(before)) {
    std::this_thread::sleep_for(kStep);
  }
  EXPECT_THAT(left, IsEmpty());
  ::unlink(base_.c_str());
}

}  // namespace
}  // namespace mayfly::testing
