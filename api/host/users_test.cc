// What users of a host service see of one another: nothing.

#include <capnp/message.h>
#include <fcntl.h>
#include <kj/async-io.h>
#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "api/codec/fd_file.h"
#include "api/codec/rpc_status.h"
#include "api/host/connection_limits.h"
#include "api/host/fleet.h"
#include "api/host/host_server.h"
#include "api/testing/guest_spec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::HasSubstr;

constexpr Peer kRoot = {.uid = 0, .gid = 0};
constexpr Peer kAlice = {.uid = 54321, .gid = 54321};
constexpr Peer kBob = {.uid = 54322, .gid = 54322};

class Listener final : public rpc::EventListener::Server {
 public:
  explicit Listener(std::vector<std::string>& names) : names_(names) {}

 protected:
  kj::Promise<void> event(EventContext context) override {
    names_.emplace_back(context.getParams().getEvent().getName().cStr());
    return kj::READY_NOW;
  }

 private:
  std::vector<std::string>& names_;
};

class UsersTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~UsersTest() noexcept override = default;

  void SetUp() override {
    if (const std::string why = testing::WhyNoGuests(); !why.empty()) GTEST_SKIP() << why;
    const std::string program = std::filesystem::current_path() / "mayfly-vmm";
    ASSERT_EQ(::setenv("MAYFLY_VMM", program.c_str(), 1), 0);
    auto config = message_.initRoot<rpc::HostConfig>();
    config.getEachUser().setMachines(2);
    StartFleet();
    limits_ = std::make_unique<ConnectionLimits>(config.getConnections(), config.asReader());
  }
  void TearDown() override {
    if (fleet_ != nullptr) fleet_->Close().wait(io_.waitScope);
  }

  void StartFleet(FleetPatience patience = {}) {
    auto resources = FleetResources::Open("");
    ASSERT_TRUE(resources.ok()) << resources.status();
    fleet_ = std::make_unique<Fleet>(io_, *std::move(resources),
                                     message_.getRoot<rpc::HostConfig>().asReader(), HostBudget{},
                                     ::testing::TempDir(), patience);
  }

  rpc::Host::Client HostFor(const Peer& peer) {
    return kj::heap<HostServer>(*fleet_, *limits_, peer, VmTotals{}, clients_);
  }
  static auto LaunchRequest(rpc::Host::Client& host, const std::string& name) {
    auto request = host.launchRequest();
    OwnedFd kernel(::open("tests/guests/halt", O_RDONLY | O_CLOEXEC));
    request.initSpec().initKernel().setFile(kj::heap<FdFile>(std::move(kernel)));
    request.setName(name.c_str());
    request.setStart(true);
    return request;
  }
  rpc::Machine::Client Launch(rpc::Host::Client& host, const std::string& name) {
    return LaunchRequest(host, name).send().wait(io_.waitScope).getMachine();
  }
  unsigned CountFor(rpc::Host::Client& host) {
    return host.listRequest().send().wait(io_.waitScope).getMachines().size();
  }
  template <typename Results>
  absl::Status ErrorOf(capnp::RemotePromise<Results> promise) {
    return promise.ignoreResult()
        .then([] { return absl::OkStatus(); },
              [](kj::Exception&& exception) { return FromException(exception); })
        .wait(io_.waitScope);
  }
  absl::Status Get(rpc::Host::Client& host, const std::string& name) {
    auto request = host.getRequest();
    request.setName(name.c_str());
    return ErrorOf(request.send());
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  capnp::MallocMessageBuilder message_;
  std::vector<std::string> told_;  // to a listener, as long as the fleet lives
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<ConnectionLimits> limits_;
  std::shared_ptr<kj::Canceler> clients_ = std::make_shared<kj::Canceler>();
};

TEST_F(UsersTest, AVmIsItsUsersAndRoots) {
  auto alice = HostFor(kAlice);
  auto bob = HostFor(kBob);
  auto root = HostFor(kRoot);
  auto machine = Launch(alice, "secret");
  EXPECT_EQ(CountFor(alice), 1U);
  EXPECT_EQ(CountFor(bob), 0U);
  EXPECT_EQ(CountFor(root), 1U);
  EXPECT_EQ(Get(alice, "secret"), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(Get(bob, "secret")));
  EXPECT_EQ(Get(root, "secret"), absl::OkStatus());
  auto inspect = bob.inspectRequest();
  inspect.setName("secret");
  EXPECT_TRUE(absl::IsNotFound(ErrorOf(inspect.send())));
}

TEST_F(UsersTest, AVmIsFoundByItsNumberWhereNoneHasItForAName) {
  auto alice = HostFor(kAlice);
  auto bob = HostFor(kBob);
  auto nameless = Launch(alice, "");
  const uint64_t id = alice.listRequest().send().wait(io_.waitScope).getMachines()[0].getId();
  const std::string number = std::to_string(id);
  EXPECT_EQ(Get(alice, number), absl::OkStatus());
  EXPECT_EQ(Get(alice, "#" + number), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(Get(bob, number)));
  EXPECT_TRUE(absl::IsNotFound(Get(bob, "#" + number)));
  for (const char* none : {"", "#", "##1", "-1", "99", "1x", "99999999999999999999"}) {
    EXPECT_TRUE(absl::IsNotFound(Get(alice, none))) << none;
  }
  auto named = Launch(bob, number);
  auto inspect = bob.inspectRequest();
  inspect.setName(number.c_str());
  EXPECT_NE(inspect.send().wait(io_.waitScope).getInfo().getId(), id);
}

TEST_F(UsersTest, ANameIsAUsersOwn) {
  auto alice = HostFor(kAlice);
  auto bob = HostFor(kBob);
  auto root = HostFor(kRoot);
  auto first = Launch(alice, "web");
  auto second = Launch(bob, "web");
  EXPECT_TRUE(absl::IsAlreadyExists(ErrorOf(LaunchRequest(alice, "web").send())));
  EXPECT_TRUE(absl::IsFailedPrecondition(Get(root, "web"))) << "whose is meant?";
  auto own = Launch(root, "web");
  EXPECT_EQ(Get(root, "web"), absl::OkStatus());
}

TEST_F(UsersTest, EventsAreToldToThoseWhoSeeTheVm) {
  auto alice = HostFor(kAlice);
  auto bob = HostFor(kBob);
  auto listen = bob.eventsRequest();
  listen.setListener(kj::heap<Listener>(told_));
  listen.send().wait(io_.waitScope);
  auto secret = Launch(alice, "secret");
  auto own = Launch(bob, "own");
  while (told_.empty()) io_.provider->getTimer().afterDelay(kj::MILLISECONDS).wait(io_.waitScope);
  EXPECT_THAT(told_, ::testing::Each("own"));
}

TEST_F(UsersTest, AUserHasItsShareOverAllConnectionsAndRootIsNotHeldToIt) {
  auto first = HostFor(kAlice);
  auto second = HostFor(kAlice);
  auto bob = HostFor(kBob);
  auto root = HostFor(kRoot);
  std::vector<rpc::Machine::Client> machines;
  machines.push_back(Launch(first, ""));
  machines.push_back(Launch(second, ""));
  const absl::Status third = ErrorOf(LaunchRequest(first, "").send());
  EXPECT_TRUE(absl::IsResourceExhausted(third)) << third;
  EXPECT_THAT(third.ToString(), HasSubstr("machines: this user has 2 of at most 2"));
  machines.push_back(Launch(bob, ""));
  for (int count = 0; count < 3; ++count) machines.push_back(Launch(root, ""));
}

// A kernel that never comes: on a file system of the client's own, say.
TEST_F(UsersTest, ALaunchUnderWayEndsWithItsClient) {
  auto alice = HostFor(kAlice);
  auto root = HostFor(kRoot);
  auto request = LaunchRequest(alice, "slow");
  request.getSpec().getKernel().setFile(kj::Promise<rpc::File::Client>(kj::NEVER_DONE));
  auto launched = request.send();
  while (CountFor(root) == 0) continue;
  EXPECT_FALSE(launched.poll(io_.waitScope));
  clients_->cancel("the client is gone");
  EXPECT_FALSE(ErrorOf(kj::mv(launched)).ok());
  EXPECT_EQ(CountFor(root), 0U);
  EXPECT_TRUE(absl::IsNotFound(Get(root, "slow")));
}

// One that is to outlive its client has nobody else to end it.
TEST_F(UsersTest, ALaunchOfADetachedOneThatGetsNowhereIsGivenUp) {
  fleet_->Close().wait(io_.waitScope);
  StartFleet({.launch = 10 * kj::MILLISECONDS});
  auto alice = HostFor(kAlice);
  auto root = HostFor(kRoot);
  auto request = LaunchRequest(alice, "slow");
  request.getSpec().getKernel().setFile(kj::Promise<rpc::File::Client>(kj::NEVER_DONE));
  request.setDetached(true);
  const absl::Status status = ErrorOf(request.send());
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_EQ(CountFor(root), 0U);
  EXPECT_TRUE(absl::IsNotFound(Get(root, "slow")));
}

TEST_F(UsersTest, OnlyAMasterDrains) {
  auto alice = HostFor(kAlice);
  EXPECT_TRUE(absl::IsPermissionDenied(ErrorOf(alice.drainRequest().send())));
  EXPECT_TRUE(ErrorOf(LaunchRequest(alice, "").send()).ok());
}

TEST(ConnectionLimitsTest, AUserHasSoManyAndRootAsManyAsItWants) {
  capnp::MallocMessageBuilder message;
  auto config = message.initRoot<rpc::HostConfig>();
  config.setConnectionsEachUser(2);
  ConnectionLimits limits(3, config.asReader());
  EXPECT_TRUE(limits.Enter(kAlice));
  EXPECT_TRUE(limits.Enter(kAlice));
  EXPECT_FALSE(limits.Enter(kAlice));
  EXPECT_TRUE(limits.Enter(kBob));
  EXPECT_FALSE(limits.Enter(kBob)) << "the host has no more";
  EXPECT_TRUE(limits.Enter(kRoot));
  limits.Leave(kAlice);
  limits.Leave(kRoot);
  EXPECT_TRUE(limits.Enter(kBob));
  EXPECT_EQ(limits.count().now, 3U);
}

}  // namespace
}  // namespace mayfly::api
