// VMs that outlive their clients, and mayflyd itself.

#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <list>
#include <string>

#include "api/testing/screen.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using api::testing::Screen;
using ::testing::HasSubstr;

class DetachTest : public HostTest {
 protected:
  // A VM that lives on by itself, and echoes its console's lines.
  void LaunchDetached(api::HostConnection& client, const std::string& name) {
    auto request = LaunchRequest(client, "echo");
    request.setName(name.c_str());
    request.setDetached(true);
    (void)request.send().wait(io_.waitScope);
  }
  // Undoes that, and lets go: nothing is left.
  void Remove(api::HostConnection& client, const std::string& name) {
    Get(client, name).attachRequest().send().wait(io_.waitScope);
  }
  // The guest's answer to `line`, from all that it has written.
  void ExpectEcho(rpc::Machine::Client machine, const std::string& line,
                  const std::string& answer) {
    std::string& screen = screens_.emplace_back();
    auto request = machine.consoleRequest();
    request.setOutput(kj::heap<Screen>(screen));
    auto console = request.send();
    auto write = console.getInput().writeRequest();
    write.setBytes(kj::StringPtr(line.c_str()).asBytes());
    write.send().wait(io_.waitScope);
    EXPECT_TRUE(Await([&] { return screen.find(answer) != std::string::npos; })) << screen;
  }

 private:
  std::list<std::string> screens_;  // each is written to until its VM ends
};

TEST_F(DetachTest, ADetachedVmIsNobodysUntilItIsAttached) {
  StartDaemon();
  auto client = Connect();
  LaunchDetached(*client, "box");
  client = Connect();
  auto list = List(*client);
  ASSERT_EQ(list.getMachines().size(), 1U);
  EXPECT_TRUE(list.getMachines()[0].getDetached());
  ExpectEcho(Get(*client, "box"), "hello\n", "HELLO");
  EXPECT_EQ(List(*client).getMachines().size(), 1U);
  Remove(*client, "box");
  AwaitCount(*client, 0);
  StopDaemon();
}

TEST_F(DetachTest, ARunningVmCanBeDetachedByAName) {
  StartDaemon();
  auto client = Connect();
  {
    rpc::Machine::Client machine =
        LaunchRequest(*client, "echo").send().wait(io_.waitScope).getMachine();
    EXPECT_TRUE(absl::IsInvalidArgument(ErrorOf(machine.detachRequest().send())));
    auto detach = machine.detachRequest();
    detach.setName("late");
    detach.send().wait(io_.waitScope);
  }
  client = Connect();
  auto second = LaunchRequest(*client, "echo");
  second.setName("late");
  EXPECT_TRUE(absl::IsAlreadyExists(ErrorOf(second.send())));
  Remove(*client, "late");
  AwaitCount(*client, 0);
  StopDaemon();
}

TEST_F(DetachTest, AfterACrashTheDetachedAreFoundAndTheOthersAreGone) {
  StartDaemon();
  auto client = Connect();
  LaunchDetached(*client, "kept");
  rpc::Machine::Client attached =
      LaunchRequest(*client, "echo").send().wait(io_.waitScope).getMachine();
  EXPECT_EQ(List(*client).getMachines().size(), 2U);
  KillDaemon();
  StartDaemon();
  client = Connect();
  auto list = List(*client);
  ASSERT_EQ(list.getMachines().size(), 1U);
  const auto kept = list.getMachines()[0];
  EXPECT_EQ(kept.getName(), "kept");
  EXPECT_TRUE(kept.getDetached());
  EXPECT_EQ(kept.getMemoryBytes(), uint64_t{128} << 20);
  EXPECT_GT(kept.getResidentBytes(), 0U);
  auto machine = Get(*client, "kept");
  ExpectEcho(machine, "still there\n", "STILL THERE");
  auto waited = machine.waitRequest().send();
  ExpectEcho(machine, "quit\n", "");
  EXPECT_EQ(waited.wait(io_.waitScope).getStatus().getReason(), rpc::ExitReason::STATUS);
  machine = nullptr;
  Remove(*client, "kept");
  AwaitCount(*client, 0);
  StopDaemon();
}

TEST_F(DetachTest, AnOrderlyEndLeavesTheDetachedAloneToo) {
  StartDaemon();
  auto client = Connect();
  LaunchDetached(*client, "kept");
  daemon().Signal(SIGTERM);
  EXPECT_EQ(daemon().Wait().exit_code, 0);
  StartDaemon();
  client = Connect();
  ExpectEcho(Get(*client, "kept"), "hello\n", "HELLO");
  Remove(*client, "kept");
  AwaitCount(*client, 0);
  StopDaemon();
}

TEST_F(DetachTest, WhatDiedMeanwhileLeavesNothing) {
  StartDaemon();
  auto client = Connect();
  LaunchDetached(*client, "doomed");
  const auto pid = static_cast<pid_t>(List(*client).getMachines()[0].getPid());
  KillDaemon();
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  // It is this process's now: see CliTest.
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  StartDaemon();
  client = Connect();
  EXPECT_EQ(List(*client).getMachines().size(), 0U);
  EXPECT_TRUE(fs::is_empty(socket() + ".d"));
  StopDaemon();
}

TEST_F(DetachTest, ADetachedVmThatDiesSaysSoUntilItIsRemoved) {
  StartDaemon();
  auto client = Connect();
  LaunchDetached(*client, "doomed");
  auto waited = Get(*client, "doomed").waitRequest().send();
  ASSERT_EQ(::kill(static_cast<pid_t>(List(*client).getMachines()[0].getPid()), SIGKILL), 0);
  EXPECT_THAT(std::string(waited.wait(io_.waitScope).getStatus().getDetail().cStr()),
              HasSubstr("signal 9"));
  EXPECT_EQ(List(*client).getMachines()[0].getState(), rpc::MachineState::ENDED);
  Remove(*client, "doomed");
  AwaitCount(*client, 0);
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
