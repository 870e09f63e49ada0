// VMs that an earlier host has detached, and whose VMMs a guest took over: their host is theirs all
// the same.

#include <capnp/message.h>
#include <kj/async-io.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/codec/rpc_status.h"
#include "api/host/fake_vmm.h"
#include "api/host/fleet.h"
#include "api/host/host_report.h"
#include "api/host/machine_proxy.h"
#include "api/host/vm_listener.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

namespace fs = std::filesystem;
using testing::FakeBehaviour;
using testing::FakeVmm;
using Answer = testing::FakeBehaviour::Answer;

constexpr Peer kRoot = {.uid = 0, .gid = 0};
constexpr uint64_t kId = 7;

class AdoptionTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~AdoptionTest() noexcept override = default;

  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "/adoption.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override {
    if (fleet_ != nullptr) fleet_->Close().wait(io_.waitScope);
    fleet_.reset();
    vmm_.reset();
    fs::remove_all(directory_);
  }

  // A host, started where an earlier one had the VM "old".
  void Adopt() {
    VmFacts facts;
    facts.id = kId;
    facts.name = "old";
    vmm_.emplace(io_, VmStore(directory_), std::move(facts), behaviour_);
    StartFleet();
    ASSERT_EQ(Find("old"), absl::OkStatus());
    // It has then answered what the host asks by itself, too.
    (void)Get("old").statsRequest().send().wait(io_.waitScope);
  }
  void StartFleet() {
    capnp::MallocMessageBuilder message;
    fleet_ = std::make_unique<Fleet>(io_, testing::NoResources(),
                                     message.initRoot<rpc::HostConfig>().asReader(), HostBudget{},
                                     directory_, patience_);
    fleet_->AdoptAll(complaints_);
    EXPECT_THAT(complaints_, ::testing::IsEmpty());
  }
  absl::Status Find(const std::string& name) { return fleet_->Find(kRoot, name).status(); }
  rpc::Machine::Client Get(const std::string& name) {
    return kj::heap<MachineProxy>(*fleet_, fleet_->Find(kRoot, name).value(),
                                  std::make_shared<CallLimit>());
  }
  static auto DetachRequest(rpc::Machine::Client machine, const std::string& name) {
    auto request = machine.detachRequest();
    request.setName(name.c_str());
    return request;
  }
  template <typename Results>
  absl::Status ErrorOf(capnp::RemotePromise<Results> promise) {
    return promise.ignoreResult()
        .then([] { return absl::OkStatus(); },
              [](kj::Exception&& exception) { return FromException(exception); })
        .wait(io_.waitScope);
  }
  // Until nothing is left of any VM.
  void AwaitNone() {
    unsigned count = 1;
    while (count != 0) {
      Pause();
      count = 0;
      fleet_->ForEach([&](const Vm&) { ++count; });
    }
    while (vmm_->Lives()) Pause();
  }
  void Pause() { io_.provider->getTimer().afterDelay(kj::MILLISECONDS).wait(io_.waitScope); }
  // Whether a host that is started now would find it.
  bool IsRecorded() const { return !fs::is_empty(directory_); }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  std::string directory_;
  FakeBehaviour behaviour_;
  // Nothing here depends on whether an answer comes in time, but where it is said.
  FleetPatience patience_{.answer = kj::MILLISECONDS};
  std::optional<FakeVmm> vmm_;
  std::unique_ptr<Fleet> fleet_;
  std::vector<std::string> complaints_;
};

TEST_F(AdoptionTest, OneThatAnswersIsAttachedAndEnds) {
  Adopt();
  EXPECT_EQ(ErrorOf(Get("old").attachRequest().send()), absl::OkStatus());
  AwaitNone();
  EXPECT_FALSE(IsRecorded());
}

TEST_F(AdoptionTest, OneThatRefusesToBeAttachedEndsToo) {
  behaviour_.attach = Answer::kError;
  Adopt();
  EXPECT_EQ(ErrorOf(Get("old").attachRequest().send()), absl::OkStatus());
  AwaitNone();
  EXPECT_FALSE(IsRecorded());
}

TEST_F(AdoptionTest, OneThatDoesNotAnswerEndsToo) {
  behaviour_.attach = Answer::kNone;
  Adopt();
  EXPECT_EQ(ErrorOf(Get("old").attachRequest().send()), absl::OkStatus());
  AwaitNone();
  EXPECT_FALSE(IsRecorded());
}

TEST_F(AdoptionTest, OneThatDoesNotLetItselfBeKilledIs) {
  behaviour_.kill = Answer::kNone;
  Adopt();
  EXPECT_EQ(ErrorOf(Get("old").killRequest().send()), absl::OkStatus());
  while (vmm_->Lives()) Pause();
}

TEST_F(AdoptionTest, StatesThatCannotBeAreNotBelieved) {
  for (const unsigned state : {static_cast<unsigned>(rpc::MachineState::ENDED), 77U}) {
    behaviour_.state = state;
    Adopt();
    EXPECT_EQ(CountStates(*fleet_).at(static_cast<size_t>(Vm::State::RUNNING)), 1U) << state;
    fleet_->Close().wait(io_.waitScope);
  }
}

TEST_F(AdoptionTest, TheStateIsTakenOver) {
  behaviour_.state = static_cast<unsigned>(rpc::MachineState::PAUSED);
  Adopt();
  EXPECT_EQ(CountStates(*fleet_).at(static_cast<size_t>(Vm::State::PAUSED)), 1U);
}

TEST_F(AdoptionTest, TheHostsOwnEventsAreNotAVmms) {
  behaviour_.events = {rpc::EventKind::LAUNCHED, rpc::EventKind::EXITED, rpc::EventKind::LOST,
                       static_cast<rpc::EventKind>(77), rpc::EventKind::DEVICE};
  Adopt();
  EXPECT_EQ(fleet_->events().count(), 1U);
}

TEST_F(AdoptionTest, AFloodOfEventsIsNotAllTold) {
  constexpr size_t kMany = 1000;
  behaviour_.events.assign(kMany, rpc::EventKind::DEVICE);
  Adopt();
  EXPECT_GE(fleet_->events().count(), VmListener::kTold.burst);
  EXPECT_LT(fleet_->events().count(), kMany / 2);
}

// Who asked for it may be gone, and what the host asked for says nothing.
TEST_F(AdoptionTest, APauseIsKnownByItsEvent) {
  behaviour_.state = 77;
  behaviour_.events = {rpc::EventKind::PAUSED};
  Adopt();
  EXPECT_EQ(CountStates(*fleet_).at(static_cast<size_t>(Vm::State::PAUSED)), 1U);
}

TEST_F(AdoptionTest, TheSentenceOfAnEndIsCut) {
  behaviour_.exit_detail = std::string(1 << 20, 'x');
  Adopt();
  const auto response = Get("old").waitRequest().send().wait(io_.waitScope);
  EXPECT_EQ(response.getStatus().getDetail().size(), Vm::kLongestDetail);
}

TEST_F(AdoptionTest, WhatIsBeingAttachedIsNotDetachedAtOnce) {
  behaviour_.attach = Answer::kNone;
  Adopt();
  auto machine = Get("old");
  auto attached = machine.attachRequest().send();
  EXPECT_TRUE(absl::IsFailedPrecondition(ErrorOf(DetachRequest(machine, "new").send())));
  EXPECT_EQ(ErrorOf(kj::mv(attached)), absl::OkStatus());
  EXPECT_FALSE(IsRecorded());
  EXPECT_EQ(ErrorOf(DetachRequest(machine, "new").send()), absl::OkStatus());
  EXPECT_TRUE(IsRecorded());
  EXPECT_EQ(Find("new"), absl::OkStatus());
}

TEST_F(AdoptionTest, WhatIsBeingDetachedIsNeitherAttachedNorDetachedByOthers) {
  behaviour_.detach = Answer::kNone;
  patience_.launch = kj::MILLISECONDS;
  Adopt();
  auto machine = Get("old");
  EXPECT_EQ(ErrorOf(machine.attachRequest().send()), absl::OkStatus());
  auto detached = DetachRequest(machine, "new").send();
  EXPECT_TRUE(absl::IsFailedPrecondition(ErrorOf(machine.attachRequest().send())));
  EXPECT_TRUE(absl::IsFailedPrecondition(ErrorOf(DetachRequest(machine, "newer").send())));
  EXPECT_TRUE(absl::IsDeadlineExceeded(ErrorOf(kj::mv(detached))));
  // As if it had not been asked for.
  EXPECT_EQ(Find("old"), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(Find("new")));
  EXPECT_FALSE(IsRecorded());
}

TEST_F(AdoptionTest, ADetachedOneIsRenamedInItsRecordToo) {
  Adopt();
  EXPECT_EQ(ErrorOf(DetachRequest(Get("old"), "new").send()), absl::OkStatus());
  EXPECT_EQ(behaviour_.detached, 0U) << "it is so already";
  EXPECT_EQ(Find("new"), absl::OkStatus());
  fleet_->Close().wait(io_.waitScope);
  StartFleet();
  EXPECT_EQ(Find("new"), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(Find("old")));
}

TEST_F(AdoptionTest, TheNumberOfOneThatCannotBeHadIsKnown) {
  Adopt();
  std::ofstream(directory_ + "/" + std::to_string(kId) + ".record") << "no record";
  std::vector<std::string> complaints;
  const StoredVms stored = VmStore(directory_).Load(complaints);
  EXPECT_THAT(complaints, ::testing::SizeIs(1));
  EXPECT_TRUE(stored.vms.empty());
  EXPECT_EQ(stored.highest_id, kId);
}

TEST_F(AdoptionTest, ARecordThatCannotBeWrittenLeavesTheOldName) {
  Adopt();
  fs::create_directory(directory_ + "/" + std::to_string(kId) + ".record.new");
  EXPECT_FALSE(ErrorOf(DetachRequest(Get("old"), "new").send()).ok());
  EXPECT_EQ(Find("old"), absl::OkStatus());
  fleet_->Close().wait(io_.waitScope);
  StartFleet();
  EXPECT_EQ(Find("old"), absl::OkStatus());
}

}  // namespace
}  // namespace mayfly::api
