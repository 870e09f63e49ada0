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
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "jailer/jail.h"
#include "tests/cli/cli_test.h"
#include "tests/jail/host_state.h"
#include "virtio/net/testing/own_network.h"

namespace mayfly::testing {
namespace {

using ::testing::IsEmpty;

// From the exec of `mayfly` to well behind a guest's first words, on a busy machine.
constexpr int kLatestMicroseconds = 40'000;

constexpr char kTap[] = "tap=mayfly0";
constexpr char kUser[] = "user";

// Of processes: more than any of these has.
const std::vector<std::string> kLimit = {"--limit", "pids=100"};

uint64_t Kills() {
  const char* const text = std::getenv("MAYFLY_KILLS");
  return text == nullptr ? 200 : std::strtoull(text, nullptr, 10);
}

// The children of a process with one thread.
std::vector<pid_t> ChildrenOf(pid_t parent) {
  const std::string number = std::to_string(parent);
  std::ifstream children("/proc/" + number + "/task/" + number + "/children");
  return {std::istream_iterator<pid_t>(children), std::istream_iterator<pid_t>()};
}

bool IsPasst(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/comm");
  std::string name;
  file >> name;
  return name.starts_with("passt");
}

// The command's own network, in which its tap comes and goes.
void EnterEmptyNetwork() {
  if (!virtio::EnterEmptyNetwork().ok()) ::_exit(98);
}

class KillStormTest : public CliTest {
 protected:
  int Pick(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }

  // One VM, of which something is killed at some moment. Its end is awaited.
  void KillOne() {
    const std::string guest = Pick(3) == 0 ? "hello" : "echo";
    const std::string& net = nets_[static_cast<size_t>(Pick(static_cast<int>(nets_.size()) - 1))];
    std::vector<std::string> words = {"--disk", base_ + ",overlay=memory", "--net", net,
                                      "--cpus", Pick(1) == 0 ? "1" : "2"};
    if (may_limit_ && Pick(1) == 0) words.insert(words.end(), kLimit.begin(), kLimit.end());
    Command run = RunGuest(guest, words);
    if (net == kTap) run.Prepare(EnterEmptyNetwork);
    run.Start();
    std::this_thread::sleep_for(std::chrono::microseconds(Pick(kLatestMicroseconds)));
    const std::vector<pid_t> children = ChildrenOf(run.pid());
    const int victim = Pick(2);
    if (victim != 0 && !children.empty()) {
      KillChild(children[static_cast<size_t>(Pick(static_cast<int>(children.size()) - 1))]);
    }
    // A child's end is for `mayfly` to notice; what has none (any more) is killed all the same.
    if (victim != 1 || children.empty()) {
      ++starters_killed_;
      run.Signal(Pick(1) == 0 ? SIGKILL : SIGTERM);
    }
    (void)run.Wait();
  }

  // What this host has beside a card without a network.
  void TryNets() {
    Command tap = RunGuest("hello", {"--net", kTap});
    tap.Prepare(EnterEmptyNetwork);
    if (tap.Run().exit_code == 0) nets_.emplace_back(kTap);
    if (RunGuest("hello", {"--net", kUser}).Run().exit_code == 0) nets_.emplace_back(kUser);
  }
  // Whether VMs can have a cgroup here. Afterwards there is what stays: the one that theirs are in.
  void TryLimits() {
    may_limit_ = RunGuest("hello", {kLimit.begin(), kLimit.end()}).Run().exit_code == 0;
  }

  std::string base_;
  bool may_limit_ = false;
  std::vector<std::string> nets_ = {"none"};
  uint64_t vmms_killed_ = 0;
  uint64_t passts_killed_ = 0;
  uint64_t starters_killed_ = 0;

 private:
  void KillChild(pid_t child) {
    ++(IsPasst(child) ? passts_killed_ : vmms_killed_);
    ::kill(child, SIGKILL);
  }

  std::mt19937 random_{std::random_device()()};
};

TEST_F(KillStormTest, LeavesNothing) {
  base_ = MakeSparseFile("base", 1 << 20);
  TryLimits();
  TryNets();
  const HostState before = TakeHostState(Path(""));
  for (uint64_t kill = 0; kill < Kills() && !HasFailure(); ++kill) KillOne();
  const bool rootless = jailer::Jail::ForOne().rootless();
  std::cout << Kills() << (rootless ? " rootless" : "") << " VMs: killed " << starters_killed_
            << " of mayfly, " << vmms_killed_ << " of mayfly-vmm, " << passts_killed_
            << " of passt; their networks: ";
  for (const std::string& net : nets_) std::cout << net << " ";
  std::cout << (may_limit_ ? "; half of them in a cgroup\n" : "\n");
  EXPECT_GT(vmms_killed_, 0U);
  EXPECT_GT(starters_killed_, 0U);
  // What the kernel frees in its own time, and what a killed one left, goes with the next command.
  (void)Mayfly({"run", "--kernel", GuestPath("hello")}).Run();
  EXPECT_THAT(LeftSince(before, Path("")), IsEmpty());
  ::unlink(base_.c_str());
}

}  // namespace
}  // namespace mayfly::testing
