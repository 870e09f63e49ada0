// VMMs that die: who waits for them is told, and nobody else notices.

#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "jailer/sanitized.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr unsigned kDeaths = 20;
constexpr unsigned kLooks = 100;

class DyingVmmsTest : public HostTest {
 protected:
  // How many VMs have ended by `reason`.
  [[nodiscard]] uint64_t Exits(api::HostConnection& client, rpc::ExitReason reason) {
    auto answer = client.host().statsRequest().send().wait(io_.waitScope);
    return answer.getStats().getExits()[static_cast<unsigned>(reason)].getCount();
  }
  // The processes of the VMs that `client` sees.
  [[nodiscard]] std::vector<pid_t> Processes(api::HostConnection& client) {
    std::vector<pid_t> processes;
    auto list = List(client);
    for (const auto machine : list.getMachines()) {
      if (machine.getPid() != 0) processes.push_back(static_cast<pid_t>(machine.getPid()));
    }
    return processes;
  }
};

TEST_F(DyingVmmsTest, EachIsToldWithItsReasonAndCounted) {
  StartDaemon();
  auto client = Connect();
  auto survivor = SmallLaunchRequest(*client, "halt").send().wait(io_.waitScope).getMachine();
  const pid_t its_process = Processes(*client).at(0);
  (void)SmallLaunchRequest(*client, "exit_status")
      .send()
      .getMachine()
      .waitRequest()
      .send()
      .wait(io_.waitScope);
  AwaitTaken(*client, 1);
  const Traces before = TracesNow();
  for (unsigned death = 0; death < kDeaths; ++death) {
    auto launch = SmallLaunchRequest(*client, "halt").send();
    rpc::Machine::Client machine = launch.getMachine();
    auto waited = machine.waitRequest().send();
    launch.ignoreResult().wait(io_.waitScope);
    for (const pid_t process : Processes(*client)) {
      if (process == its_process) continue;
      EXPECT_EQ(::kill(process, SIGKILL), 0);
    }
    const auto status = waited.wait(io_.waitScope);
    EXPECT_EQ(status.getStatus().getReason(), rpc::ExitReason::INTERNAL_ERROR);
    EXPECT_THAT(std::string(status.getStatus().getDetail().cStr()), HasSubstr("signal 9"));
    EXPECT_TRUE(absl::IsUnavailable(ErrorOf(machine.statsRequest().send())));
    EXPECT_TRUE(absl::IsUnavailable(ErrorOf(machine.killRequest().send())));
  }
  EXPECT_EQ(Exits(*client, rpc::ExitReason::INTERNAL_ERROR), kDeaths);
  AwaitTaken(*client, 1);
  AwaitTraces(before);
  EXPECT_TRUE(ErrorOf(survivor.statsRequest().send()).ok());
  StopDaemon();
}

// Killed as soon as there is a process, while the launch goes on.
TEST_F(DyingVmmsTest, EvenOneThatDiesInItsLaunchIsToldToWhoWaits) {
  StartDaemon();
  auto client = Connect();
  auto onlooker = Connect();
  AwaitTaken(*onlooker, 0);
  const Traces before = TracesNow();
  for (unsigned death = 0; death < kDeaths; ++death) {
    auto launch = SmallLaunchRequest(*client, "halt").send();
    auto waited = launch.getMachine().waitRequest().send();
    std::vector<pid_t> processes;
    ASSERT_TRUE(Await([&] {
      // Without a pause: the launch would be over.
      for (unsigned look = 0; processes.empty() && look < kLooks; ++look) {
        processes = Processes(*onlooker);
      }
      return !processes.empty();
    }));
    EXPECT_EQ(::kill(processes.at(0), SIGKILL), 0);
    launch.ignoreResult().wait(io_.waitScope);
    const auto status = waited.wait(io_.waitScope);
    EXPECT_EQ(status.getStatus().getReason(), rpc::ExitReason::INTERNAL_ERROR);
  }
  AwaitTaken(*onlooker, 0);
  AwaitTraces(before);
  StopDaemon();
}

// The kernel ends the VMM, and its last words say why.
TEST_F(DyingVmmsTest, OneThatWasTakenOverIsToldWithTheCallThatItAskedFor) {
  if (jailer::kSanitized) GTEST_SKIP() << "no filters under a sanitizer; runs without one";
  for (const std::string thread : {"api", "io", "vcpu"}) {
    const std::string program = fs::current_path() / ("tests/jail/hijacked_" + thread + "_vmm");
    StartDaemon({}, [&](Command& daemon) { daemon.Environment("MAYFLY_VMM=" + program); });
    auto client = Connect();
    auto request = SmallLaunchRequest(*client, "halt");
    request.getSpec().initNets(1);  // without any device there is no io thread
    auto launch = request.send();
    rpc::Machine::Client machine = launch.getMachine();
    const auto status = machine.waitRequest().send().wait(io_.waitScope);
    EXPECT_EQ(status.getStatus().getReason(), rpc::ExitReason::VIOLATION) << thread;
    EXPECT_THAT(std::string(status.getStatus().getDetail().cStr()),
                HasSubstr("seccomp: thread " + thread + ": system call openat (257)"));
    EXPECT_TRUE(absl::IsUnavailable(ErrorOf(machine.statsRequest().send()))) << thread;
    EXPECT_EQ(Exits(*client, rpc::ExitReason::VIOLATION), 1U) << thread;
    auto list = List(*client);
    ASSERT_EQ(list.getMachines().size(), 1U);
    EXPECT_EQ(list.getMachines()[0].getExit().getReason(), rpc::ExitReason::VIOLATION) << thread;
    client = nullptr;
    StopDaemon();
  }
}

}  // namespace
}  // namespace mayfly::testing
