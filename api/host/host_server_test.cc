// What one client of a host may take of it, and that there is room for the others.

#include "api/host/host_server.h"

#include <capnp/message.h>
#include <kj/async-io.h>
#include <stdlib.h>

#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/codec/rpc_status.h"
#include "api/host/call_limit.h"
#include "api/host/connection_limits.h"
#include "api/host/fake_vmm.h"
#include "api/host/fleet.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

namespace fs = std::filesystem;
using testing::FakeBehaviour;
using testing::FakeVmm;
using ::testing::HasSubstr;

constexpr Peer kRoot = {.uid = 0, .gid = 0};
constexpr uid_t kAlice = 54321;
constexpr uid_t kBob = 54322;
constexpr size_t kEachConnection = 16;

// Fails once it is told of anything, as those do whose owners have gone.
class FailingListener final : public rpc::EventListener::Server {
 protected:
  kj::Promise<void> event(EventContext) override { return KJ_EXCEPTION(FAILED, "nobody listens"); }
};

class HostServerTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~HostServerTest() noexcept override = default;

  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/host_server.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    if (fleet_) fleet_->Close().wait(io_.waitScope);
    fleet_.reset();
    vmms_.clear();
    fs::remove_all(directory_);
  }

  // A host with so many VMs, which do nothing: "vm-0" and so on.
  void StartFleet(unsigned vms = 0) {
    for (unsigned number = 0; number < vms; ++number) {
      VmFacts facts;
      facts.id = number + 1;
      facts.name = "vm-" + std::to_string(number);
      vmms_.emplace_back(io_, VmStore(directory_), std::move(facts), behaviour_);
    }
    fleet_.emplace(io_, testing::NoResources(), config_, HostBudget{}, directory_);
    std::vector<std::string> complaints;
    fleet_->AdoptAll(complaints);
    EXPECT_THAT(complaints, ::testing::IsEmpty());
  }
  // A new connection of that user's.
  rpc::Host::Client HostFor(uid_t user) {
    return kj::heap<HostServer>(*fleet_, limits_, Peer{.uid = user, .gid = user}, VmTotals{},
                                std::make_shared<kj::Canceler>());
  }
  template <typename Results>
  absl::Status ErrorOf(capnp::RemotePromise<Results> promise) {
    return promise.ignoreResult()
        .then([] { return absl::OkStatus(); },
              [](kj::Exception&& exception) { return FromException(exception); })
        .wait(io_.waitScope);
  }
  absl::Status Listen(rpc::Host::Client& host) {
    auto request = host.eventsRequest();
    request.setListener(kj::heap<FailingListener>());
    request.setSince(fleet_->events().count());
    return ErrorOf(request.send());
  }
  // As many listeners as the user can have, on as many connections as it takes.
  struct Crowd {
    std::vector<rpc::Host::Client> connections;
    size_t listeners = 0;
    absl::Status refusal;
  };
  Crowd ListenWhereverPossible(uid_t user) {
    Crowd crowd;
    while (crowd.refusal.ok()) {
      crowd.connections.push_back(HostFor(user));
      for (size_t count = 0; count < kEachConnection && crowd.refusal.ok(); ++count) {
        crowd.refusal = Listen(crowd.connections.back());
        if (crowd.refusal.ok()) ++crowd.listeners;
      }
    }
    EXPECT_TRUE(absl::IsResourceExhausted(crowd.refusal)) << crowd.refusal;
    return crowd;
  }
  // An event of a VM of that user's.
  void TellOfSomething(uid_t owner) {
    fleet_->events().Add({.kind = rpc::EventKind::LINK, .text = "something", .owner = owner});
    io_.waitScope.poll();
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  capnp::MallocMessageBuilder message_;
  rpc::HostConfig::Reader config_ = message_.initRoot<rpc::HostConfig>().asReader();
  ConnectionLimits limits_{1, config_};
  std::string directory_;
  FakeBehaviour behaviour_;
  std::list<FakeVmm> vmms_;
  std::optional<Fleet> fleet_;
};

TEST_F(HostServerTest, AConnectionHasSoManyListenersAtOnce) {
  StartFleet();
  auto host = HostFor(kRoot.uid);
  for (size_t count = 0; count < kEachConnection; ++count) {
    EXPECT_EQ(Listen(host), absl::OkStatus());
  }
  const absl::Status beyond = Listen(host);
  EXPECT_TRUE(absl::IsResourceExhausted(beyond)) << beyond;
  EXPECT_THAT(beyond.ToString(), HasSubstr("listener: this connection has 16"));
  auto other = HostFor(kRoot.uid);
  EXPECT_EQ(Listen(other), absl::OkStatus());
}

TEST_F(HostServerTest, AConnectionThatLastsHasAnyNumberOfListenersOneAfterTheOther) {
  StartFleet();
  auto host = HostFor(kAlice);
  for (size_t turn = 0; turn < 3; ++turn) {
    for (size_t count = 0; count < kEachConnection; ++count) {
      EXPECT_EQ(Listen(host), absl::OkStatus()) << turn;
    }
    EXPECT_FALSE(Listen(host).ok());
    TellOfSomething(kAlice);
  }
}

TEST_F(HostServerTest, AUserHasItsShareOfListenersAndLeavesTheOthersTheirs) {
  StartFleet();
  Crowd crowd = ListenWhereverPossible(kAlice);
  EXPECT_GT(crowd.listeners, kEachConnection);
  EXPECT_THAT(crowd.refusal.ToString(), HasSubstr("listener: this user has"));
  auto bob = HostFor(kBob);
  EXPECT_EQ(Listen(bob), absl::OkStatus());
  auto root = HostFor(kRoot.uid);
  EXPECT_EQ(Listen(root), absl::OkStatus());
  // What a connection had is given back with its end.
  crowd.connections.clear();
  auto alice = HostFor(kAlice);
  EXPECT_EQ(Listen(alice), absl::OkStatus());
}

TEST_F(HostServerTest, RootListensHoweverManyOthersDo) {
  StartFleet();
  std::vector<Crowd> crowds;
  for (uid_t user = kAlice; crowds.empty() || crowds.back().listeners != 0; ++user) {
    crowds.push_back(ListenWhereverPossible(user));
  }
  EXPECT_THAT(crowds.back().refusal.ToString(), HasSubstr("listener: this host has"));
  std::vector<rpc::Host::Client> roots;
  for (int connection = 0; connection < 3; ++connection) {
    roots.push_back(HostFor(kRoot.uid));
    for (size_t count = 0; count < kEachConnection; ++count) {
      EXPECT_EQ(Listen(roots.back()), absl::OkStatus());
    }
  }
  // Nor does root take their places.
  const size_t places = crowds.front().listeners;
  crowds.erase(crowds.begin());
  EXPECT_EQ(ListenWhereverPossible(kAlice).listeners, places);
}

TEST_F(HostServerTest, CallsOnAHostAndItsVmsAreCountedTogether) {
  StartFleet(1);
  auto host = HostFor(kRoot.uid);
  auto get = host.getRequest();
  get.setName("vm-0");
  auto machine = get.send().wait(io_.waitScope).getMachine();
  std::vector<capnp::RemotePromise<rpc::Machine::WaitResults>> waits;
  for (unsigned count = 0; count < CallLimit::kMost; ++count) {
    waits.push_back(machine.waitRequest().send());
  }
  const absl::Status beyond = ErrorOf(machine.waitRequest().send());
  EXPECT_TRUE(absl::IsResourceExhausted(beyond)) << beyond;
  EXPECT_THAT(beyond.ToString(), HasSubstr("calls: this connection has 10000"));
  EXPECT_TRUE(absl::IsResourceExhausted(ErrorOf(host.capacityRequest().send())));
  auto other = HostFor(kRoot.uid);
  EXPECT_EQ(ErrorOf(other.capacityRequest().send()), absl::OkStatus());
  waits.clear();
  EXPECT_EQ(ErrorOf(machine.statsRequest().send()), absl::OkStatus());
}

// Each of more VMs than are described in a turn, so that all lists are in progress together.
TEST_F(HostServerTest, ListsAreCountedByThemselves) {
  StartFleet(9);
  auto host = HostFor(kRoot.uid);
  for (int turn = 0; turn < 2; ++turn) {
    std::vector<capnp::RemotePromise<rpc::Host::ListResults>> lists;
    for (unsigned count = 0; count <= CallLimit::kMostLists; ++count) {
      lists.push_back(host.listRequest().send());
    }
    EXPECT_EQ(ErrorOf(host.capacityRequest().send()), absl::OkStatus());
    unsigned refused = 0;
    for (auto& list : lists) {
      const absl::Status status = ErrorOf(kj::mv(list));
      if (status.ok()) continue;
      EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
      ++refused;
    }
    EXPECT_EQ(refused, 1U);
  }
}

}  // namespace
}  // namespace mayfly::api
