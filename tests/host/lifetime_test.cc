// VMs of mayflyd, from their launch to the end of those who hold them.

#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/testing/screen.h"
#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using api::testing::Screen;
using ::testing::HasSubstr;

constexpr unsigned kMany = 50;

class LifetimeTest : public HostTest {
 protected:
  // A VM that runs until it is ended, and is held by what comes back alone.
  rpc::Machine::Client Launch(api::HostConnection& client, const std::string& name = "") {
    auto request = LaunchRequest(client, "halt");
    request.setName(name.c_str());
    return request.send().wait(io_.waitScope).getMachine();
  }
};

TEST_F(LifetimeTest, OneRoundTripLaunchesAndAwaitsTheEnd) {
  StartDaemon();
  auto client = Connect();
  auto request = LaunchRequest(*client, "exit_status");
  request.getSpec().setCommandLine("42");
  const auto ended = request.send().getMachine().waitRequest().send().wait(io_.waitScope);
  EXPECT_EQ(ended.getStatus().getReason(), rpc::ExitReason::STATUS);
  EXPECT_EQ(ended.getStatus().getStatus(), 42);
  StopDaemon();
}

// For clients that cannot send descriptors.
TEST_F(LifetimeTest, OpensForItsOwnUserWhatIsNamedAndNotSent) {
  StartDaemon();
  auto client = Connect();
  auto request = client->host().launchRequest();
  auto spec = request.initSpec();
  const std::string kernel = fs::absolute(GuestPath("exit_status"));
  spec.initKernel().setName(kernel.c_str());
  spec.setCommandLine("42");
  request.setStart(true);
  const auto ended = request.send().getMachine().waitRequest().send().wait(io_.waitScope);
  EXPECT_EQ(ended.getStatus().getStatus(), 42);
  StopDaemon();
}

TEST_F(LifetimeTest, TheConsoleIsReadBeforeTheEndIsTold) {
  StartDaemon();
  auto client = Connect();
  auto request = LaunchRequest(*client, "echo");
  std::string screen;
  request.setOutput(kj::heap<Screen>(screen));
  auto launched = request.send();
  for (const std::string line : {"hello\n", "quit\n"}) {
    auto write = launched.getInput().writeRequest();
    write.setBytes(kj::StringPtr(line.c_str()).asBytes());
    write.send().wait(io_.waitScope);
  }
  launched.getMachine().waitRequest().send().wait(io_.waitScope);
  EXPECT_THAT(screen, HasSubstr("HELLO"));
  StopDaemon();
}

TEST_F(LifetimeTest, TheListKnowsWhatIsPaused) {
  StartDaemon();
  auto client = Connect();
  auto machine = Launch(*client);
  const auto state = [&] { return List(*client).getMachines()[0].getState(); };
  EXPECT_EQ(state(), rpc::MachineState::RUNNING);
  machine.pauseRequest().send().wait(io_.waitScope);
  EXPECT_EQ(state(), rpc::MachineState::PAUSED);
  machine.resumeRequest().send().wait(io_.waitScope);
  EXPECT_EQ(state(), rpc::MachineState::RUNNING);
  StopDaemon();
}

TEST_F(LifetimeTest, ManyAreCountedAndEndWithTheirClient) {
  StartDaemon();
  auto client = Connect();
  std::vector<rpc::Machine::Client> machines;
  std::vector<kj::Promise<void>> launched;
  std::vector<capnp::RemotePromise<rpc::Machine::WaitResults>> waits;
  for (unsigned number = 0; number < kMany; ++number) {
    auto answer = LaunchRequest(*client, "halt").send();
    machines.push_back(answer.getMachine());
    waits.push_back(answer.getMachine().waitRequest().send());
    launched.push_back(answer.ignoreResult());
  }
  for (auto& launch : launched) launch.wait(io_.waitScope);
  auto onlooker = Connect();
  std::set<uint32_t> processes;
  auto list = List(*onlooker);
  for (const auto machine : list.getMachines()) {
    EXPECT_EQ(machine.getState(), rpc::MachineState::RUNNING);
    EXPECT_EQ(machine.getMemoryBytes(), uint64_t{128} << 20);
    EXPECT_GT(machine.getCpuNanoseconds(), 0U);
    EXPECT_GT(machine.getResidentBytes(), 0U);
    processes.insert(machine.getPid());
  }
  EXPECT_EQ(processes.size(), kMany);
  // As if it had died: nothing is released.
  waits.clear();
  machines.clear();
  client = nullptr;
  AwaitCount(*onlooker, 0);
  for (const uint32_t process : processes) {
    EXPECT_TRUE(Await([&] { return !fs::exists("/proc/" + std::to_string(process)); })) << process;
  }
  StopDaemon();
}

TEST_F(LifetimeTest, AVmLivesAsLongAsOneReferenceIsLeft) {
  StartDaemon();
  auto client = Connect();
  kj::Maybe<rpc::Machine::Client> first = Launch(*client, "one");
  kj::Maybe<rpc::Machine::Client> second = Get(*client, "one");
  first = nullptr;
  EXPECT_EQ(List(*client).getMachines().size(), 1U);
  kj::Maybe<rpc::Machine::Client> third = Get(*client, "one");
  second = nullptr;
  third = nullptr;
  AwaitCount(*client, 0);
  StopDaemon();
}

TEST_F(LifetimeTest, ANarrowedReferenceDoesLessAndHoldsNothing) {
  StartDaemon();
  auto client = Connect();
  auto machine = std::make_optional(Launch(*client, "one"));
  auto narrow = machine->narrowRequest();
  narrow.initPermissions(1).set(0, rpc::Permission::WAIT);
  rpc::Machine::Client onlooker = narrow.send().wait(io_.waitScope).getMachine();
  EXPECT_TRUE(absl::IsPermissionDenied(ErrorOf(onlooker.killRequest().send())));
  EXPECT_TRUE(absl::IsPermissionDenied(ErrorOf(onlooker.statsRequest().send())));
  auto waited = onlooker.waitRequest().send();
  machine.reset();
  EXPECT_EQ(waited.wait(io_.waitScope).getStatus().getReason(), rpc::ExitReason::KILLED);
  StopDaemon();
}

TEST_F(LifetimeTest, AnotherClientOfTheSameUserFindsAVmByItsName) {
  StartDaemon();
  auto client = Connect();
  rpc::Machine::Client machine = Launch(*client, "web-1");
  auto waited = machine.waitRequest().send();
  auto other = Connect();
  Get(*other, "web-1").killRequest().send().wait(io_.waitScope);
  EXPECT_EQ(waited.wait(io_.waitScope).getStatus().getReason(), rpc::ExitReason::KILLED);
  auto list = List(*other);
  ASSERT_EQ(list.getMachines().size(), 1U);
  EXPECT_EQ(list.getMachines()[0].getState(), rpc::MachineState::ENDED);
  EXPECT_EQ(list.getMachines()[0].getExit().getReason(), rpc::ExitReason::KILLED);
  StopDaemon();
}

TEST_F(LifetimeTest, ANameIsOneVmsAndFreeAfterIt) {
  StartDaemon();
  auto client = Connect();
  {
    rpc::Machine::Client machine = Launch(*client, "one");
    auto second = LaunchRequest(*client, "halt");
    second.setName("one");
    const absl::Status error = ErrorOf(second.send());
    EXPECT_TRUE(absl::IsAlreadyExists(error)) << error;
    EXPECT_THAT(std::string(error.message()), HasSubstr("name"));
  }
  AwaitCount(*client, 0);
  rpc::Machine::Client machine = Launch(*client, "one");
  auto other = client->host().getRequest();
  other.setName("two");
  EXPECT_TRUE(absl::IsNotFound(ErrorOf(other.send())));
  StopDaemon();
}

TEST_F(LifetimeTest, VmsAreFoundByTheirLabels) {
  StartDaemon();
  auto client = Connect();
  const auto launch = [&](const char* role, const char* zone) {
    auto request = LaunchRequest(*client, "halt");
    auto labels = request.getSpec().initLabels(2);
    labels[0].setName("role");
    labels[0].setValue(role);
    labels[1].setName("zone");
    labels[1].setValue(zone);
    return request.send().wait(io_.waitScope).getMachine();
  };
  rpc::Machine::Client first = launch("web", "a");
  rpc::Machine::Client second = launch("web", "b");
  rpc::Machine::Client third = launch("db", "b");
  const auto count = [&](std::vector<std::pair<const char*, const char*>> wanted) {
    auto request = client->host().listRequest();
    auto labels = request.initLabels(static_cast<capnp::uint>(wanted.size()));
    for (capnp::uint at = 0; at < wanted.size(); ++at) {
      labels[at].setName(wanted[at].first);
      labels[at].setValue(wanted[at].second);
    }
    return request.send().wait(io_.waitScope).getMachines().size();
  };
  EXPECT_EQ(count({}), 3U);
  EXPECT_EQ(count({{"role", "web"}}), 2U);
  EXPECT_EQ(count({{"role", "web"}, {"zone", "b"}}), 1U);
  EXPECT_EQ(count({{"role", "cache"}}), 0U);
  StopDaemon();
}

TEST_F(LifetimeTest, AVmmThatDiesCostsNobodyElseAnything) {
  StartDaemon();
  auto client = Connect();
  rpc::Machine::Client doomed = Launch(*client, "doomed");
  rpc::Machine::Client other = Launch(*client, "other");
  auto waited = doomed.waitRequest().send();
  auto list = List(*client);
  ASSERT_EQ(::kill(static_cast<pid_t>(list.getMachines()[0].getPid()), SIGKILL), 0);
  const auto status = waited.wait(io_.waitScope);
  EXPECT_EQ(status.getStatus().getReason(), rpc::ExitReason::INTERNAL_ERROR);
  EXPECT_THAT(std::string(status.getStatus().getDetail().cStr()), HasSubstr("signal 9"));
  // What is asked of it then is an error, and of the other one is not.
  EXPECT_FALSE(ErrorOf(doomed.timelineRequest().send()).ok());
  EXPECT_TRUE(ErrorOf(Get(*client, "other").timelineRequest().send()).ok());
  StopDaemon();
}

TEST_F(LifetimeTest, TheEndOfTheDaemonIsThatOfItsVms) {
  StartDaemon();
  auto client = Connect();
  rpc::Machine::Client machine = Launch(*client, "one");
  auto waited = machine.waitRequest().send();
  daemon().Signal(SIGTERM);
  EXPECT_EQ(waited.wait(io_.waitScope).getStatus().getReason(), rpc::ExitReason::KILLED);
  StopDaemon();
}

// It waits for a VM that takes its time.
TEST_F(LifetimeTest, ADaemonThatIsAboutToEndLaunchesNothing) {
  StartDaemon();
  auto client = Connect();
  rpc::Machine::Client machine = Launch(*client, "slow");
  const auto process = static_cast<pid_t>(List(*client).getMachines()[0].getPid());
  ASSERT_EQ(::kill(process, SIGSTOP), 0);
  daemon().Signal(SIGTERM);
  EXPECT_TRUE(Await([&] { return !fs::exists(socket()); }));
  const absl::Status late = ErrorOf(LaunchRequest(*client, "halt").send());
  EXPECT_TRUE(absl::IsUnavailable(late)) << late;
  EXPECT_THAT(late.ToString(), HasSubstr("launches no VMs any more"));
  ASSERT_EQ(::kill(process, SIGCONT), 0);
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
