// What `mayfly run --limit` holds a VM to, seen from outside.

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jailer/cgroup/cgroup_tree.h"
#include "jailer/sanitized.h"
#include "tests/cli/cli_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using jailer::CgroupTree;
using jailer::CgroupVersion;
using jailer::Controller;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::chrono::seconds kPatience{30};

std::string ReadText(const fs::path& path) {
  std::ifstream file(path);
  std::string text(std::istreambuf_iterator<char>(file), {});
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// Whether `condition` holds before patience ends.
template <typename Condition>
bool Eventually(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

class LimitsTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    parent_ = "/mayfly-test-" + std::to_string(::getpid());
    jailer::CgroupSettings settings = jailer::CgroupSettings::ForThisProcess();
    settings.parent = parent_;
    absl::StatusOr<CgroupTree> tree = CgroupTree::Find(settings);
    ASSERT_TRUE(tree.ok()) << tree.status();
    tree_.emplace(*std::move(tree));
    for (const Controller controller : jailer::kControllers) {
      const jailer::ControllerFinding finding = tree_->Look(controller);
      if (!finding.usable()) {
        GTEST_SKIP() << "runs for root, outside of Bazel's sandbox, where all controllers of "
                        "cgroups are there: "
                     << finding.obstacle;
      }
      parents_.insert(finding.path);
    }
  }
  void TearDown() override {
    for (const std::string& parent : parents_) {
      if (!fs::exists(parent)) continue;
      EXPECT_TRUE(Eventually([&] { return Children(parent).empty(); })) << "left in " << parent;
      EXPECT_EQ(::rmdir(parent.c_str()), 0) << parent;
    }
    CliTest::TearDown();
  }

  [[nodiscard]] Command RunLimited(const std::string& guest, const std::string& limits,
                                   std::vector<std::string> words = {}) const {
    words.insert(words.begin(), {"--cgroup-parent", parent_});
    if (!limits.empty()) words.insert(words.begin(), {"--limit", limits});
    return RunGuest(guest, std::move(words));
  }
  [[nodiscard]] static std::vector<fs::path> Children(const fs::path& parent) {
    std::vector<fs::path> children;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(parent, error)) {
      if (entry.is_directory()) children.push_back(entry.path());
    }
    return children;
  }
  // The only VM's cgroup that has `controller`.
  [[nodiscard]] fs::path CgroupWith(Controller controller) const {
    const auto children = Children(tree_->Look(controller).path);
    EXPECT_EQ(children.size(), 1U);
    return children.empty() ? fs::path() : children.front();
  }
  [[nodiscard]] std::string Setting(Controller controller, const std::string& v1,
                                    const std::string& v2) const {
    const bool is_v1 = tree_->Look(controller).version == CgroupVersion::kV1;
    return ReadText(CgroupWith(controller) / (is_v1 ? v1 : v2));
  }
  // KVM may have a thread of its own in the cgroup, too.
  [[nodiscard]] static pid_t VmmIn(const fs::path& cgroup) {
    std::istringstream processes(ReadText(cgroup / "cgroup.procs"));
    for (std::string process; processes >> process;) {
      if (ReadText("/proc/" + process + "/comm") == "mayfly-vmm") return std::stoi(process);
    }
    return -1;
  }
  // The names of the processes beside the VMM.
  [[nodiscard]] static std::vector<std::string> OthersIn(const fs::path& cgroup) {
    std::vector<std::string> names;
    std::istringstream processes(ReadText(cgroup / "cgroup.procs"));
    for (std::string process; processes >> process;) {
      std::string name = ReadText("/proc/" + process + "/comm");
      if (name != "mayfly-vmm") names.push_back(std::move(name));
    }
    return names;
  }
  [[nodiscard]] pid_t Vmm() const { return VmmIn(CgroupWith(Controller::kPids)); }
  [[nodiscard]] std::vector<fs::path> AllChildren() const {
    std::vector<fs::path> all;
    for (const std::string& parent : parents_) {
      const auto children = Children(parent);
      all.insert(all.end(), children.begin(), children.end());
    }
    return all;
  }

  std::string parent_;
  std::optional<CgroupTree> tree_;
  std::set<std::string> parents_;
};

constexpr char kAll[] = "cpu=0.5,weight=50,memory=256M,pids=64,cpuset=0";

TEST_F(LimitsTest, AreInForceForTheVmmAndNobodyElse) {
  Command run = RunLimited("echo", kAll);
  run.Start();
  run.AwaitOutput("\n");  // the guest runs
  EXPECT_THAT(Setting(Controller::kCpu, "cpu.cfs_quota_us", "cpu.max"), StartsWith("50000"));
  EXPECT_EQ(Setting(Controller::kMemory, "memory.limit_in_bytes", "memory.max"), "268435456");
  EXPECT_EQ(Setting(Controller::kPids, "pids.max", "pids.max"), "64");
  EXPECT_EQ(Setting(Controller::kCpuset, "cpuset.cpus", "cpuset.cpus"), "0");
  const pid_t vmm = Vmm();
  ASSERT_GT(vmm, 0);
  for (const fs::path& child : AllChildren()) {
    EXPECT_EQ(VmmIn(child), vmm) << child;
    EXPECT_THAT(OthersIn(child), Each(StartsWith("kvm"))) << child;
  }
  run.Signal(SIGTERM);
  (void)run.Wait();
}

TEST_F(LimitsTest, OfCpuTimeAreFelt) {
  Command run = RunLimited("spin", "cpu=0.05", {"--timeout", "60s"});
  run.Start();
  EXPECT_TRUE(Eventually([&] {
    const auto children = Children(tree_->Look(Controller::kCpu).path);
    if (children.empty()) return false;
    const std::string stat = ReadText(children.front() / "cpu.stat");
    const size_t count = stat.find("nr_throttled ");
    return count != std::string::npos && stat.substr(count + 13, 1) != "0";
  }));
  run.Signal(SIGTERM);
  (void)run.Wait();
}

TEST_F(LimitsTest, AGuestThatTouchesMoreMemoryEndsForIt) {
  const CommandResult result =
      RunLimited("memory_hog", "memory=64M", {"--memory", "256M", "--cmdline", "touch=128"}).Run();
  EXPECT_EQ(result.exit_code, 137);
  EXPECT_THAT(result.err, HasSubstr("its limit of memory was reached"));
  EXPECT_THAT(result.out, Not(HasSubstr("touched")));
}

TEST_F(LimitsTest, AGuestThatTouchesLessDoesNot) {
  if (jailer::kSanitized) GTEST_SKIP() << "a sanitizer's memory counts; runs in builds without one";
  const CommandResult result =
      RunLimited("memory_hog", "memory=64M", {"--memory", "256M", "--cmdline", "touch=32"}).Run();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("touched 32 MiB"));
}

TEST_F(LimitsTest, TooFewThreadsAreSaid) {
  // One is the VMM itself, the second its vCPU's, and KVM may want to have one, too.
  const CommandResult result = RunLimited("hello", "pids=1").Run();
  EXPECT_EQ(result.exit_code, 125);
  EXPECT_THAT(result.err, HasSubstr("pids.max of the cgroup"));
  const CommandResult second = RunLimited("hello", "pids=2").Run();
  if (second.exit_code != 0) {
    EXPECT_THAT(second.err, HasSubstr("pids.max of the cgroup"));
  }
}

TEST_F(LimitsTest, WhatCannotBeHadIsSaid) {
  const CommandResult missing = RunLimited("hello", "").Run();
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("there is no cgroup " + parent_));
  const auto said = [&](const std::string& limits) {
    const CommandResult result = RunLimited("hello", limits).Run();
    EXPECT_EQ(result.exit_code, 2) << limits;
    EXPECT_EQ(result.out, "") << limits;
    return result.err;
  };
  EXPECT_THAT(said("cpuset=8000"), HasSubstr("has only"));
  EXPECT_THAT(said("io=/dev/null,rbps=1M"), HasSubstr("/dev/null is not a block device"));
  EXPECT_THAT(said("io=/nonexistent,rbps=1M"), HasSubstr("/nonexistent"));
}

TEST_F(LimitsTest, WithoutAnyThereIsNoCgroup) {
  Command run = RunGuest("echo");
  run.Start();
  run.AwaitOutput("\n");
  const std::string ours = ReadText("/proc/self/cgroup");
  EXPECT_EQ(ReadText("/proc/" + std::to_string(run.pid()) + "/cgroup"), ours);
  int vmms = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    if (ReadText(entry.path() / "comm") != "mayfly-vmm") continue;
    const std::string status = ReadText(entry.path() / "status");
    if (status.find("PPid:\t" + std::to_string(run.pid()) + "\n") == std::string::npos) continue;
    EXPECT_EQ(ReadText(entry.path() / "cgroup"), ours);
    ++vmms;
  }
  EXPECT_EQ(vmms, 1);
  run.Signal(SIGTERM);
  (void)run.Wait();
}

TEST_F(LimitsTest, ACommandThatIsKilledLeavesWorkForTheNext) {
  Command run = RunLimited("echo", kAll);
  run.Start();
  run.AwaitOutput("\n");
  const std::vector<fs::path> left = AllChildren();
  ASSERT_FALSE(left.empty());
  run.Signal(SIGKILL);
  (void)run.Wait();
  for (const fs::path& path : left) {
    ASSERT_TRUE(Eventually([&] { return ReadText(path / "cgroup.procs").empty(); })) << path;
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_EQ(RunLimited("hello", "pids=64").Run().exit_code, 0);
  for (const fs::path& path : left) EXPECT_FALSE(fs::exists(path)) << path;
}

TEST_F(LimitsTest, AVmmThatIsKilledLeavesNothing) {
  Command run = RunLimited("echo", kAll);
  run.Start();
  run.AwaitOutput("\n");
  const pid_t vmm = Vmm();
  ASSERT_GT(vmm, 0);
  ::kill(vmm, SIGKILL);
  const CommandResult result = run.Wait();
  EXPECT_EQ(result.exit_code, 125) << "not for want of memory";
  EXPECT_TRUE(Eventually([&] { return AllChildren().empty(); }));
}

TEST_F(LimitsTest, TheNextCommandLeavesTheLivingAlone) {
  Command run = RunLimited("echo", kAll);
  run.Start();
  run.AwaitOutput("\n");
  const std::vector<fs::path> living = AllChildren();
  EXPECT_EQ(RunLimited("hello", "pids=64").Run().exit_code, 0);
  for (const fs::path& path : living) EXPECT_TRUE(fs::exists(path)) << path;
  run.Write("quit\n");
  EXPECT_EQ(run.Wait().exit_code, 0);
}

}  // namespace
}  // namespace mayfly::testing
