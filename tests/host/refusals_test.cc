// What mayflyd does not do, and what it says then.

#include <poll.h>
#include <signal.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/host/host_test.h"

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Request = capnp::Request<rpc::Host::LaunchParams, rpc::Host::LaunchResults>;

class RefusalsTest : public HostTest {
 protected:
  // The error of a launch that `spoil` has made a bad one.
  std::string LaunchError(api::HostConnection& client, const std::function<void(Request&)>& spoil) {
    auto request = LaunchRequest(client, "halt");
    spoil(request);
    return ErrorOf(request.send()).ToString();
  }
};

TEST_F(RefusalsTest, ABadLaunchIsAnErrorThatNamesTheFieldAndLeavesNothing) {
  StartDaemon();
  auto client = Connect();
  const auto error = [&](const std::function<void(Request&)>& spoil) {
    return LaunchError(*client, spoil);
  };
  EXPECT_THAT(error([](Request& request) { request.setName("../x"); }),
              HasSubstr("INVALID_ARGUMENT: name: "));
  EXPECT_THAT(error([](Request& request) { request.setName(std::string(65, 'x').c_str()); }),
              HasSubstr("INVALID_ARGUMENT: name: "));
  EXPECT_THAT(error([](Request& request) { request.getSpec().initDisks(1'000); }),
              HasSubstr("INVALID_ARGUMENT: disks: "));
  EXPECT_THAT(error([](Request& request) { request.getSpec().initNets(65); }),
              HasSubstr("INVALID_ARGUMENT: nets: "));
  EXPECT_THAT(error([](Request& request) { request.getSpec().initLabels(65); }),
              HasSubstr("INVALID_ARGUMENT: labels: "));
  EXPECT_THAT(error([](Request& request) {
                auto labels = request.getSpec().initLabels(2);
                labels[0].setName("a");
                labels[1].setName("a");
              }),
              HasSubstr("INVALID_ARGUMENT: labels[1].name: "));
  EXPECT_THAT(error([](Request& request) {
                auto labels = request.getSpec().initLabels(1);
                labels[0].setName("a");
                labels[0].setValue("\xff");
              }),
              HasSubstr("INVALID_ARGUMENT: labels[0].value: it is not UTF-8"));
  EXPECT_THAT(error([](Request& request) {
                request.getSpec().setCommandLine(std::string(2 << 20, 'x').c_str());
              }),
              HasSubstr("INVALID_ARGUMENT: spec: "));
  EXPECT_THAT(error([](Request& request) { request.getSpec().setCpus(0); }),
              HasSubstr("INVALID_ARGUMENT: "));
  EXPECT_THAT(error([](Request& request) { request.getSpec().initLimits().setMemoryBytes(1); }),
              HasSubstr("INVALID_ARGUMENT: limits: memory"));
  EXPECT_THAT(error([](Request& request) { request.getSpec().initLimits().setCpuset("x"); }),
              HasSubstr("INVALID_ARGUMENT: limits.cpuset: "));
  EXPECT_THAT(error([](Request& request) { request.initSpec(); }),
              HasSubstr("INVALID_ARGUMENT: kernel: "));
  AwaitCount(*client, 0);
  StopDaemon();
}

TEST_F(RefusalsTest, AGiantListOrTextIsAnErrorThatNamesItsField) {
  constexpr unsigned kGiant = 100'000;
  const std::string giant(size_t{1} << 20, 'x');
  StartDaemon();
  auto client = Connect();
  const auto error = [&](const std::function<void(Request&)>& spoil) {
    return LaunchError(*client, spoil);
  };
  EXPECT_THAT(error([](Request& request) { request.getSpec().initDisks(kGiant); }),
              HasSubstr("INVALID_ARGUMENT: disks: "));
  EXPECT_THAT(error([](Request& request) { request.getSpec().initLabels(kGiant); }),
              HasSubstr("INVALID_ARGUMENT: "));
  EXPECT_THAT(error([](Request& request) { request.getSpec().initLimits().initIo(2'000); }),
              HasSubstr("INVALID_ARGUMENT: limits.io: "));
  EXPECT_THAT(error([](Request& request) {
                request.getSpec().initNets(1)[0].initFilter().initAddresses(2'000);
              }),
              HasSubstr("INVALID_ARGUMENT: nets[0].filter: "));
  EXPECT_THAT(
      error([](Request& request) { request.getSpec().initCpuProfile().initEntries(kGiant); }),
      HasSubstr("INVALID_ARGUMENT: spec: "));
  // The host's own is taken instead, whatever a client's has.
  EXPECT_EQ(error([](Request& request) { request.getSpec().initCpuProfile().initEntries(1'000); }),
            "OK");

  auto list = client->host().listRequest();
  list.initLabels(kGiant);
  EXPECT_THAT(ErrorOf(list.send()).ToString(), HasSubstr("INVALID_ARGUMENT: labels: "));
  auto get = client->host().getRequest();
  get.setName(giant.c_str());
  EXPECT_THAT(ErrorOf(get.send()).ToString(), HasSubstr("INVALID_ARGUMENT: name: "));
  auto inspect = client->host().inspectRequest();
  inspect.setName(giant.c_str());
  EXPECT_THAT(ErrorOf(inspect.send()).ToString(), HasSubstr("INVALID_ARGUMENT: name: "));
  {
    auto machine = LaunchRequest(*client, "halt").send().wait(io_.waitScope).getMachine();
    auto narrow = machine.narrowRequest();
    narrow.initPermissions(kGiant);
    EXPECT_THAT(ErrorOf(narrow.send()).ToString(), HasSubstr("INVALID_ARGUMENT: permissions: "));
    auto detach = machine.detachRequest();
    detach.setName(giant.c_str());
    EXPECT_THAT(ErrorOf(detach.send()).ToString(), HasSubstr("INVALID_ARGUMENT: name: "));
    EXPECT_EQ(ErrorOf(machine.statsRequest().send()), absl::OkStatus());
  }
  AwaitCount(*client, 0);
  StopDaemon();
}

TEST_F(RefusalsTest, ASocketHasOneDaemon) {
  StartDaemon();
  auto client = Connect();
  const CommandResult second = Mayflyd().Run();
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, HasSubstr("a mayflyd serves " + socket() + " already"));
  AwaitCount(*client, 0);
  StopDaemon();
}

TEST_F(RefusalsTest, WhatADeadDaemonLeftIsReplaced) {
  StartDaemon();
  (void)Connect();
  daemon().Signal(SIGKILL);
  (void)daemon().Wait();
  EXPECT_TRUE(fs::exists(socket()));
  StartDaemon();
  AwaitCount(*Connect(), 0);
  StopDaemon();
}

TEST_F(RefusalsTest, WhatIsNoSocketIsNotReplaced) {
  (void)MakeFile("host.sock", "precious");
  const CommandResult result = Mayflyd().Run();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("is no socket"));
  EXPECT_EQ(fs::file_size(socket()), 8U);
}

TEST_F(RefusalsTest, AConfigurationIsShownWithAllThatIsByDefault) {
  const CommandResult result = Mayflyd({"--print-config"}).Run();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\"socket\": \"" + socket() + "\""));
  EXPECT_THAT(result.out, HasSubstr("\"socketMode\": \"0600\""));
  EXPECT_THAT(result.out, HasSubstr("\"connections\": 4096"));
  EXPECT_THAT(result.out, HasSubstr("\"eachConnection\": "));
  // What it shows it takes.
  const std::string path = MakeFile("config.json", result.out);
  const CommandResult again = Mayflyd({"--config", path, "--print-config"}).Run();
  EXPECT_EQ(again.out, result.out) << again.err;
}

TEST_F(RefusalsTest, ABadConfigurationIsAnErrorThatNamesTheField) {
  const auto error = [&](const std::string& text) {
    const CommandResult result = Mayflyd({"--config", MakeFile("config.json", text)}).Run();
    EXPECT_EQ(result.exit_code, 2);
    return result.err;
  };
  EXPECT_THAT(error("{\"conections\": 4}"), HasSubstr("conections"));
  EXPECT_THAT(error("{\"connections\": 0}"), HasSubstr("connections: "));
  EXPECT_THAT(error("{\"connections\": \"many\"}"), HasSubstr("connections: "));
  EXPECT_THAT(error("{\"socketMode\": \"0999\"}"), HasSubstr("socketMode: "));
  EXPECT_THAT(error("{\"socketGroup\": \"no such group\"}"), HasSubstr("socketGroup: "));
  EXPECT_THAT(error("{\"total\": {\"machine\": 4}}"), HasSubstr("machine"));
  EXPECT_THAT(error("{"), HasSubstr("config.json"));
  EXPECT_THAT(error("(eventsKept = 0)"), HasSubstr("eventsKept: "));
}

TEST_F(RefusalsTest, AConnectionHasItsShareAndNoMore) {
  const std::string path = MakeFile(
      "config.json",
      R"({"socketGroup": "root", "eachConnection": {"machines": 2, "memoryBytes": "300M"}})");
  StartDaemon({"--config", path});
  auto client = Connect();
  auto first = LaunchRequest(*client, "halt").send();
  auto second = LaunchRequest(*client, "halt").send();
  auto machines = kj::arr(first.getMachine(), second.getMachine());
  first.ignoreResult().wait(io_.waitScope);
  second.ignoreResult().wait(io_.waitScope);
  const absl::Status third = ErrorOf(LaunchRequest(*client, "halt").send());
  EXPECT_TRUE(absl::IsResourceExhausted(third)) << third;
  EXPECT_THAT(third.ToString(), HasSubstr("machines: this connection has 2 of at most 2"));
  auto other = Connect();
  EXPECT_THAT(
      LaunchError(*other,
                  [](Request& request) { request.getSpec().setMemoryBytes(uint64_t{512} << 20); }),
      HasSubstr("memoryBytes: this connection"));
  EXPECT_TRUE(ErrorOf(LaunchRequest(*other, "halt").send()).ok());
  machines = nullptr;
  StopDaemon();
}

TEST_F(RefusalsTest, WhoHasTooManyCallsUnderWayIsNotReadUntilTheyEnd) {
  StartDaemon({"--config", MakeFile("config.json", R"({"callKilobytesEachConnection": 1})")});
  auto client = Connect();
  auto launch = LaunchRequest(*client, "halt");
  launch.setName("one");
  const rpc::Machine::Client machine = launch.send().wait(io_.waitScope).getMachine();
  std::vector<kj::Promise<void>> drained;
  for (int count = 0; count < 100; ++count) {
    drained.push_back(client->host().drainRequest().send().ignoreResult());
  }
  auto listed = client->host().listRequest().send();
  auto other = Connect();
  EXPECT_EQ(List(*other).getMachines().size(), 1U);
  EXPECT_FALSE(listed.poll(io_.waitScope));
  Get(*other, "one").killRequest().send().wait(io_.waitScope);
  for (auto& promise : drained) promise.wait(io_.waitScope);
  listed.wait(io_.waitScope);
  StopDaemon();
}

TEST_F(RefusalsTest, BadWordsAreUsageErrors) {
  EXPECT_EQ(Mayflyd({"--frobnicate"}).Run().exit_code, 2);
  EXPECT_EQ(Mayflyd({"--socket"}).Run().exit_code, 2);
  const CommandResult lengthy = Mayflyd({"--socket", "/tmp/" + std::string(200, 'x')}).Run();
  EXPECT_EQ(lengthy.exit_code, 1);
}

TEST_F(RefusalsTest, AFileThatCannotBeOpenedIsAnErrorThatNamesItsField) {
  StartDaemon();
  auto client = Connect();
  const auto error = [&](const std::function<void(Request&)>& spoil) {
    return LaunchError(*client, spoil);
  };
  EXPECT_THAT(
      error([](Request& request) { request.getSpec().initKernel().setName("/nowhere/vmlinux"); }),
      AllOf(HasSubstr("INVALID_ARGUMENT: kernel: "), HasSubstr("/nowhere/vmlinux")));
  EXPECT_THAT(error([](Request& request) { request.getSpec().initInitrd().setName("initrd"); }),
              AllOf(HasSubstr("INVALID_ARGUMENT: initrd.name: "), HasSubstr("absolute")));
  EXPECT_THAT(error([](Request& request) {
                request.getSpec().initDisks(1)[0].initImage().setName("/dev");
              }),
              HasSubstr("disks[0].image: "));
  AwaitCount(*client, 0);
  StopDaemon();
}

}  // namespace
}  // namespace mayfly::testing
