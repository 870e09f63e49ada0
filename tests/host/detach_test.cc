// VMs that outlive their clients, and mayflyd itself.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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
  // Until the guest has written `answer`, to a `line` of ours where one is given.
  void AwaitConsole(rpc::Machine::Client machine, const std::string& answer,
                    const std::string& line = "") {
    std::string& screen = screens_.emplace_back();
    auto request = machine.consoleRequest();
    request.setOutput(kj::heap<Screen>(screen));
    auto console = request.send();
    if (!line.empty()) {
      auto write = console.getInput().writeRequest();
      write.setBytes(kj::StringPtr(line.c_str()).asBytes());
      write.send().wait(io_.waitScope);
    }
    EXPECT_TRUE(Await([&] { return screen.find(answer) != std::string::npos; })) << screen;
  }
  void ExpectEcho(rpc::Machine::Client machine, const std::string& line,
                  const std::string& answer) {
    AwaitConsole(kj::mv(machine), answer, line);
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
  {
    auto request = LaunchRequest(*client, "echo");
    request.setName("kept");
    request.setDetached(true);
    auto labels = request.getSpec().initLabels(2);
    labels[0].setName("role");
    labels[0].setValue("web");
    labels[1].setName("zone");
    (void)request.send().wait(io_.waitScope);
  }
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
  EXPECT_EQ(kept.getOwner(), ::geteuid());
  ASSERT_EQ(kept.getLabels().size(), 2U);
  EXPECT_EQ(kept.getLabels()[0].getName(), "role");
  EXPECT_EQ(kept.getLabels()[0].getValue(), "web");
  EXPECT_EQ(kept.getLabels()[1].getName(), "zone");
  EXPECT_EQ(kept.getLabels()[1].getValue(), "");
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

TEST_F(DetachTest, OneThatEndedBeforeACrashIsAskedForItsStatusAndConsoleAfterIt) {
  StartDaemon();
  auto client = Connect();
  auto request = LaunchRequest(*client, "hello");
  request.setName("done");
  request.setDetached(true);
  auto machine = request.send().wait(io_.waitScope).getMachine();
  const auto told = machine.waitRequest().send().wait(io_.waitScope);
  KillDaemon();
  StartDaemon();
  client = Connect();
  machine = Get(*client, "done");
  const auto kept = machine.waitRequest().send().wait(io_.waitScope);
  EXPECT_EQ(kept.getStatus().getReason(), rpc::ExitReason::STATUS);
  EXPECT_EQ(kept.getStatus().getReason(), told.getStatus().getReason());
  EXPECT_EQ(kept.getStatus().getStatus(), told.getStatus().getStatus());
  EXPECT_EQ(kept.getStatus().getDetail(), told.getStatus().getDetail());
  auto list = List(*client);
  ASSERT_EQ(list.getMachines().size(), 1U);
  EXPECT_EQ(list.getMachines()[0].getState(), rpc::MachineState::ENDED);
  EXPECT_EQ(list.getMachines()[0].getExit().getReason(), rpc::ExitReason::STATUS);
  AwaitConsole(machine, "Hello from a Mayfly guest");
  machine = nullptr;
  Remove(*client, "done");
  AwaitCount(*client, 0);
  StopDaemon();
}

// It is no child of the service that adopted it: the kernel tells that one nothing.
TEST_F(DetachTest, OfOneThatDiesAfterACrashNobodyKnowsByWhat) {
  StartDaemon();
  auto client = Connect();
  LaunchDetached(*client, "doomed");
  KillDaemon();
  StartDaemon();
  client = Connect();
  auto waited = Get(*client, "doomed").waitRequest().send();
  ASSERT_EQ(::kill(static_cast<pid_t>(List(*client).getMachines()[0].getPid()), SIGKILL), 0);
  const auto status = waited.wait(io_.waitScope);
  EXPECT_EQ(status.getStatus().getReason(), rpc::ExitReason::INTERNAL_ERROR);
  EXPECT_THAT(std::string(status.getStatus().getDetail().cStr()),
              HasSubstr("says nobody how it ended"));
  EXPECT_EQ(List(*client).getMachines()[0].getState(), rpc::MachineState::ENDED);
  Remove(*client, "doomed");
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
