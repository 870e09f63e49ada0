#include "tests/host/host_test.h"

#include <fcntl.h>
#include <signal.h>

#include <filesystem>
#include <utility>

#include "api/codec/fd_file.h"
#include "api/codec/rpc_status.h"
#include "api/testing/guest_spec.h"

namespace mayfly::testing {
namespace {

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
  // Its socket listens until a child of it that was about to become a VMM is one.
  EXPECT_TRUE(Await([&] { return !api::HostConnection::Open(io_, socket()).ok(); }));
}

void HostTest::AwaitTraces(const Traces& before) {
  ASSERT_TRUE(Await([&] { return TracesNow() == before; }))
      << TracesNow() << "; there were " << before;
}

void HostTest::AwaitTaken(api::HostConnection& client, unsigned count) {
  const auto taken = [&] {
    return client.host().capacityRequest().send().wait(io_.waitScope).getCapacity().getMachines();
  };
  ASSERT_TRUE(Await([&] { return taken() == count; })) << taken() << " VMs, not " << count;
}

Command HostTest::MayflyOfHost(std::vector<std::string> words) const {
  words.insert(words.begin(), {"--host", socket()});
  return Mayfly(std::move(words));
}

kj::Own<api::HostConnection> HostTest::Connect() {
  auto connection = api::HostConnection::Open(io_, socket());
  const bool is_open = Await([&] {
    if (!connection.ok()) connection = api::HostConnection::Open(io_, socket());
    return connection.ok();
  });
  if (!is_open) {
    ADD_FAILURE() << connection.status();
    std::abort();
  }
  return *std::move(connection);
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
  const auto listed = [&] { return List(client).getMachines().size(); };
  ASSERT_TRUE(Await([&] { return listed() == count; })) << listed() << " VMs, not " << count;
}

void HostTest::RemoveDetached(api::HostConnection& client) {
  auto list = List(client);
  for (const auto machine : list.getMachines()) {
    if (!machine.getDetached()) continue;
    auto get = client.host().getRequest();
    get.setName(machine.getName());
    // It may be gone by now, or another call is detaching it.
    (void)ErrorOf(get.send().getMachine().attachRequest().send());
  }
}

absl::Status HostTest::ErrorOf(kj::Promise<void> promise) {
  return promise
      .then([] { return absl::OkStatus(); },
            [](kj::Exception&& exception) { return api::FromException(exception); })
      .wait(io_.waitScope);
}

void HostTest::Pause() {
  io_.provider->getTimer().afterDelay(2 * kj::MILLISECONDS).wait(io_.waitScope);
}

}  // namespace mayfly::testing
