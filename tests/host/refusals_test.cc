// What mayflyd does not do, and what it says then.

#include <signal.h>

#include <filesystem>
#include <functional>
#include <string>

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

TEST_F(RefusalsTest, BadWordsAreUsageErrors) {
  EXPECT_EQ(Mayflyd({"--frobnicate"}).Run().exit_code, 2);
  EXPECT_EQ(Mayflyd({"--socket"}).Run().exit_code, 2);
  const CommandResult lengthy = Mayflyd({"--socket", "/tmp/" + std::string(200, 'x')}).Run();
  EXPECT_EQ(lengthy.exit_code, 1);
}

}  // namespace
}  // namespace mayfly::testing
