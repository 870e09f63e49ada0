#include "tests/host/host_test.h"

#include <fcntl.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <utility>

#include "api/codec/fd_file.h"
#include "api/testing/guest_spec.h"

namespace mayfly::testing {
namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr uint64_t kSmallMemory = uint64_t{8} << 20;

}  // namespace

void HostTest::SetUp() {
  CliTest::SetUp();
  if (const std::string why = api::testing::WhyNoGuests(); !why.empty()) GTEST_SKIP() << why;
}

std::vector<std::string> HostTest::Argv(std::vector<std::string> words) const {
  words.insert(words.begin(), {std::filesystem::current_path() / "mayflyd", "--socket", socket()});
  return words;
}

std::vector<std::string> HostTest::Environment() const { return {"HOME=" + Path("home")}; }

Command HostTest::Mayflyd(std::vector<std::string> words) const {
  return {Argv(std::move(words)), Environment(), Path("work")};
}

void HostTest::StartDaemon(std::vector<std::string> words,
                           const std::function<void(Command&)>& prepare) {
  daemon_.emplace(Argv(std::move(words)), Environment(), Path("work"));
  if (prepare) prepare(*daemon_);
  daemon_->Start();
}

void HostTest::StopDaemon() {
  daemon_->Signal(SIGTERM);
  const CommandResult result = daemon_->Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_FALSE(std::filesystem::exists(socket()));
  EXPECT_FALSE(std::filesystem::exists(socket() + ".d"));
  daemon_.reset();
}

void HostTest::KillDaemon() {
  daemon_->Signal(SIGKILL);
  EXPECT_EQ(daemon_->Wait().signal, SIGKILL);
  daemon_.reset();
}

void HostTest::AwaitTraces(const Traces& before) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (TracesNow() != before) {
    if (std::chrono::steady_clock::now() > deadline) {
      FAIL() << TracesNow() << "; there were " << before;
    }
    Pause();
  }
}

void HostTest::AwaitTaken(api::HostConnection& client, unsigned count) {
  const auto taken = [&] {
    return client.host().capacityRequest().send().wait(io_.waitScope).getCapacity().getMachines();
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (taken() != count) {
    if (std::chrono::steady_clock::now() > deadline) {
      FAIL() << taken() << " VMs, not " << count;
    }
    Pause();
  }
}

Command HostTest::MayflyOfHost(std::vector<std::string> words) const {
  words.insert(words.begin(), {"--host", socket()});
  return Mayfly(std::move(words));
}

kj::Own<api::HostConnection> HostTest::Connect() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    auto connection = api::HostConnection::Open(io_, socket());
    if (connection.ok()) return *std::move(connection);
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << connection.status();
      std::abort();
    }
    Pause();
  }
}

capnp::Request<rpc::Host::LaunchParams, rpc::Host::LaunchResults> HostTest::LaunchRequest(
    api::HostConnection& client, const std::string& guest) {
  auto request = client.host().launchRequest();
  OwnedFd file(::open(GuestPath(guest).c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(file.valid()) << guest;
  request.initSpec().initKernel().setFile(kj::heap<api::FdFile>(std::move(file)));
  request.setStart(true);
  return request;
}

capnp::Request<rpc::Host::LaunchParams, rpc::Host::LaunchResults> HostTest::SmallLaunchRequest(
    api::HostConnection& client, const std::string& guest) {
  auto request = LaunchRequest(client, guest);
  request.getSpec().setMemoryBytes(kSmallMemory);
  return request;
}

void HostTest::ExpectServed(api::HostConnection& client) {
  const auto ended = SmallLaunchRequest(client, "exit_status")
                         .send()
                         .getMachine()
                         .waitRequest()
                         .send()
                         .wait(io_.waitScope);
  EXPECT_EQ(ended.getStatus().getReason(), rpc::ExitReason::STATUS);
}

rpc::Machine::Client HostTest::Get(api::HostConnection& client, const std::string& name) {
  auto request = client.host().getRequest();
  request.setName(name.c_str());
  return request.send().wait(io_.waitScope).getMachine();
}

capnp::Response<rpc::Host::ListResults> HostTest::List(api::HostConnection& client) {
  return client.host().listRequest().send().wait(io_.waitScope);
}

void HostTest::AwaitCount(api::HostConnection& client, unsigned count) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (List(client).getMachines().size() != count) {
    if (std::chrono::steady_clock::now() > deadline) {
      FAIL() << List(client).getMachines().size() << " VMs, not " << count;
    }
    Pause();
  }
}

}  // namespace mayfly::testing
