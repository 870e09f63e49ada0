// Whatever is killed, and whenever: nothing of a VM is left on its host.
//
// $MAYFLY_KILLS: how many (200): bazel test --test_env=MAYFLY_KILLS=2000
// //tests/jail:kill_storm_test

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <thread>

#include "tests/cli/cli_test.h"
#include "tests/jail/host_state.h"

namespace mayfly::testing {
namespace {

// From the exec of `mayfly` to well behind a guest's first words, on a busy machine.
constexpr int kLatestMicroseconds = 15'000;
constexpr std::chrono::seconds kGrace{10};
constexpr std::chrono::milliseconds kStep{50};

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

class KillStormTest : public CliTest {
 protected:
  int Pick(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }

  // One VM, of which something is killed at some moment. Its end is awaited.
  void KillOne() {
    const std::string guest = Pick(3) == 0 ? "hello" : "echo";
    Command run = RunGuest(guest, {"--disk", base_ + ",overlay=memory", "--net", "none", "--cpus",
                                   Pick(1) == 0 ? "1" : "2"});
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

  std::string base_;
  uint64_t vmms_killed_ = 0;
  uint64_t starters_killed_ = 0;

 private:
  std::mt19937 random_{std::random_device()()};
};

TEST_F(KillStormTest, LeavesNothing) {
  base_ = MakeSparseFile("base", 1 << 20);
  const HostState before = TakeHostState();
  for (uint64_t kill = 0; kill < Kills() && !HasFailure(); ++kill) KillOne();
  std::cout << Kills() << " VMs: killed " << starters_killed_ << " of mayfly, " << vmms_killed_
            << " of mayfly-vmm\n";
  // What the kernel frees in its own time, and what a killed one left, goes with the next command.
  (void)Mayfly({"run", "--kernel", GuestPath("hello")}).Run();
  HostState after = TakeHostState();
  for (const auto end = std::chrono::steady_clock::now() + kGrace;
       after != before && std::chrono::steady_clock::now() < end; after = TakeHostState()) {
    std::this_thread::sleep_for(kStep);
  }
  for (const auto& [kind, things] : before) {
    EXPECT_EQ(after.at(kind), things) << kind;
  }
  ::unlink(base_.c_str());
}

}  // namespace
}  // namespace mayfly::testing
