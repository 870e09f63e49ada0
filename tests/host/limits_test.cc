// What MachineSpec.limits holds a VM of mayflyd to.

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "jailer/cgroup/cgroup_tree.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using jailer::Controller;
using ::testing::HasSubstr;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr auto kFirstSweepIsOver = 800 * kj::MILLISECONDS;

class HostLimitsTest : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    if (IsSkipped()) return;
    const auto tree = jailer::CgroupTree::Find(jailer::CgroupSettings::ForThisProcess());
    ASSERT_TRUE(tree.ok()) << tree.status();
    const jailer::ControllerFinding finding = tree->Look(Controller::kMemory);
    if (!finding.usable()) {
      GTEST_SKIP() << "runs outside of Bazel's sandbox, where memory can be limited: "
                   << finding.obstacle;
    }
    parent_ = finding.path;
  }

  // The cgroup of the process among those of VMs; empty where it is in none.
  [[nodiscard]] fs::path CgroupOf(uint32_t pid) const {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(parent_, error)) {
      std::ifstream processes(entry.path() / "cgroup.procs");
      for (std::string line; std::getline(processes, line);) {
        if (line == std::to_string(pid)) return entry.path();
      }
    }
    return {};
  }

  // The cgroup of a detached VM, "kept", which outlives the service that launched it: another one
  // runs.
  [[nodiscard]] fs::path KeepOneOfAKilledService() {
    StartDaemon();
    auto client = Connect();
    auto request = LaunchRequest(*client, "halt");
    request.setName("kept");
    request.setDetached(true);
    request.getSpec().initLimits().setMemoryBytes(256 * kMiB);
    (void)request.send().wait(io_.waitScope);
    fs::path cgroup = CgroupOf(List(*client).getMachines()[0].getPid());
    KillDaemon();
    StartDaemon();
    return cgroup;
  }

  fs::path parent_;
};

TEST_F(HostLimitsTest, AVmHasACgroupWhichGoesWithIt) {
  StartDaemon();
  auto client = Connect();
  kj::Maybe<rpc::Machine::Client> machine;
  {
    auto request = LaunchRequest(*client, "halt");
    request.getSpec().initLimits().setMemoryBytes(256 * kMiB);
    machine = request.send().wait(io_.waitScope).getMachine();
  }
  auto list = List(*client);
  const fs::path cgroup = CgroupOf(list.getMachines()[0].getPid());
  ASSERT_FALSE(cgroup.empty());
  machine = nullptr;
  AwaitCount(*client, 0);
  StopDaemon();
  EXPECT_FALSE(fs::exists(cgroup));
}

TEST_F(HostLimitsTest, ItGoesWithAVmThatAnEarlierDaemonHasStartedToo) {
  const fs::path cgroup = KeepOneOfAKilledService();
  ASSERT_FALSE(cgroup.empty());
  auto client = Connect();
  EXPECT_TRUE(fs::exists(cgroup));
  Get(*client, "kept").attachRequest().send().wait(io_.waitScope);
  AwaitCount(*client, 0);
  EXPECT_TRUE(Await([&] { return !fs::exists(cgroup); })) << cgroup;
  StopDaemon();
}

// A process is in it that no VM's end takes along; when it has gone, so does the cgroup.
TEST_F(HostLimitsTest, OneThatIsBusyGoesLater) {
  const fs::path cgroup = KeepOneOfAKilledService();
  ASSERT_FALSE(cgroup.empty());
  auto client = Connect();
  Command guest({"/bin/sleep", "1000"}, {}, Path(""));
  guest.Start();
  std::ofstream(cgroup / "cgroup.procs") << guest.pid() << std::flush;
  Get(*client, "kept").attachRequest().send().wait(io_.waitScope);
  AwaitTaken(*client, 0);
  // The first look at it, half a second later, finds somebody there.
  io_.provider->getTimer().afterDelay(kFirstSweepIsOver).wait(io_.waitScope);
  EXPECT_TRUE(fs::exists(cgroup));
  guest.Signal(SIGKILL);
  (void)guest.Wait();
  EXPECT_TRUE(Await([&] { return !fs::exists(cgroup); })) << cgroup;
  StopDaemon();
}

TEST_F(HostLimitsTest, AVmThatOutgrowsItsMemorySaysSo) {
  StartDaemon();
  auto client = Connect();
  auto request = LaunchRequest(*client, "memory_hog");
  request.getSpec().setMemoryBytes(256 * kMiB);
  request.getSpec().setCommandLine("touch=128");
  request.getSpec().initLimits().setMemoryBytes(64 * kMiB);
  auto ended = request.send().getMachine().waitRequest().send().wait(io_.waitScope);
  EXPECT_EQ(ended.getStatus().getReason(), rpc::ExitReason::OUT_OF_MEMORY)
      << ended.getStatus().getDetail().cStr();
  StopDaemon();
}

// Of a service in a container, or a unit with TasksMax=.
TEST_F(HostLimitsTest, AsManyVmsCanBeHadAsPidsOfItsCgroupAreReckonedWith) {
  constexpr uint64_t kPids = 40;
  auto tree = jailer::CgroupTree::Find(jailer::CgroupSettings::ForThisProcess());
  ASSERT_TRUE(tree.ok()) << tree.status();
  if (const auto finding = tree->Look(Controller::kPids); !finding.usable()) {
    GTEST_SKIP() << "runs where processes can be limited: " << finding.obstacle;
  }
  jailer::CgroupLimits limits;
  limits.pids = kPids;
  const auto cgroup = tree->Make(limits);
  ASSERT_TRUE(cgroup.ok()) << cgroup.status();
  StartDaemon({}, [&](Command& daemon) {
    daemon.Prepare([paths = cgroup->Paths()] {
      for (const std::string& path : paths) std::ofstream(path + "/cgroup.procs") << "0";
    });
  });
  auto client = Connect();
  auto answer = client->host().capacityRequest().send().wait(io_.waitScope);
  const uint32_t most = answer.getCapacity().getMachinesMost();
  EXPECT_GT(most, 1U);
  EXPECT_LT(most, kPids);
  std::vector<rpc::Machine::Client> machines;
  for (uint32_t count = 0; count < most; ++count) {
    machines.push_back(SmallLaunchRequest(*client, "halt").send().wait(io_.waitScope).getMachine());
  }
  const absl::Status beyond = ErrorOf(SmallLaunchRequest(*client, "halt").send());
  EXPECT_TRUE(absl::IsResourceExhausted(beyond)) << beyond;
  EXPECT_THAT(beyond.ToString(), HasSubstr("machines: this host has "));
  machines.clear();
  client = nullptr;
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
