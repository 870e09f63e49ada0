// Calls on a VMM in orders that nobody means, with files that are none of what they should be:
// each is answered, with an error that says what was wrong where something was, and the VMM goes
// on.

#include <fcntl.h>
#include <kj/async-io.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "api/client/vmm_connection.h"
#include "api/codec/fd_file.h"
#include "api/codec/rpc_status.h"
#include "api/server/connections.h"
#include "api/server/vmm_server.h"
#include "api/testing/guest_spec.h"
#include "api/testing/listening_socket.h"
#include "api/testing/machine_calls.h"
#include "api/testing/wrong_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::AnyOf;
using testing::FilePlace;
using testing::FilePlaces;
using testing::GuestSpec;
using ::testing::HasSubstr;
using testing::ListeningSocket;
using testing::MachineCall;
using testing::MachineCalls;
using testing::OpenSmallDisk;
using testing::WrongFile;
using testing::WrongFiles;

using Code = absl::StatusCode;
using CreateRequest = capnp::Request<rpc::Vmm::CreateParams, rpc::Vmm::CreateResults>;

class WrongOrderTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~WrongOrderTest() noexcept override = default;

  void SetUp() override {
    if (const std::string why = testing::WhyNoGuests(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_TRUE(socket_.valid());
    Begin();
  }
  // A VMM without a VM, and a client of it.
  void Begin() {
    client_ = nullptr;
    slot_ = kj::refcounted<VmSlot>();
    const absl::Status listens = connections_.Listen(
        socket_.Duplicate(), kj::heap<VmmServer>(kj::addRef(*slot_), std::make_shared<Timeline>(),
                                                 io_.unixEventPort, connections_, nullptr));
    ASSERT_EQ(listens, absl::OkStatus());
    client_ = kj::heap<VmmConnection>(io_, socket_.Connect());
  }
  [[nodiscard]] CreateRequest MakeCreateRequest(const std::string& guest = "halt") {
    auto request = client_->vmm().createRequest();
    MachineSpec spec = GuestSpec(guest);
    spec.machine.memory_bytes = uint64_t{8} << 20;
    EncodeSpec(std::move(spec), request);
    auto disk = request.getSpec().initDisks(1)[0];
    disk.initImage().setName("disk");
    disk.getImage().setFile(kj::heap<FdFile>(OpenSmallDisk(O_RDWR)));
    return request;
  }
  template <typename Results>
  [[nodiscard]] absl::Status StatusOf(capnp::RemotePromise<Results> promise) {
    return StatusOf(promise.ignoreResult());
  }
  [[nodiscard]] absl::Status StatusOf(kj::Promise<void> promise) {
    return promise
        .then([] { return absl::OkStatus(); },
              [](kj::Exception&& exception) { return FromException(exception); })
        .wait(io_.waitScope);
  }
  // An error with a code that says something, about `field` or what is called `name`.
  static void ExpectNamed(const absl::Status& status, const char* field, const char* name,
                          const char* what) {
    EXPECT_FALSE(status.ok()) << what << " as " << field;
    EXPECT_NE(status.code(), Code::kUnknown) << status;
    EXPECT_THAT(absl::AsciiStrToLower(status.message()), AnyOf(HasSubstr(field), HasSubstr(name)))
        << what;
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  const ListeningSocket socket_;
  Connections connections_{io_};
  kj::Own<VmSlot> slot_ = kj::refcounted<VmSlot>();
  kj::Own<VmmConnection> client_;
};

TEST_F(WrongOrderTest, AWrongFileIsAnErrorThatNamesItsField) {
  for (const WrongFile& wrong : WrongFiles()) {
    for (const FilePlace& place : FilePlaces()) {
      auto request = MakeCreateRequest();
      place.put(request.getSpec(), wrong.make());
      ExpectNamed(StatusOf(request.send()), place.field, place.name, wrong.what);
    }
    auto request = MakeCreateRequest();
    request.setKvm(wrong.make());
    ExpectNamed(StatusOf(request.send()), "kvm", "kvm", wrong.what);
  }
  // None of it has kept the VMM from its VM.
  EXPECT_EQ(StatusOf(MakeCreateRequest().send()), absl::OkStatus());
}

TEST_F(WrongOrderTest, WhatIsNoDiskOfTheVmIsNotFound) {
  auto machine = MakeCreateRequest().send().wait(io_.waitScope).getMachine();
  for (const uint32_t position : {1U, 64U, 0xffff'ffffU}) {
    auto disk = machine.updateDiskRequest();
    disk.setDisk(position);
    EXPECT_EQ(StatusOf(disk.send()).code(), Code::kNotFound);
    auto net = machine.updateNetRequest();
    net.setNet(position);
    EXPECT_EQ(StatusOf(net.send()).code(), Code::kNotFound);
    auto resize = machine.resizeDiskRequest();
    resize.setDisk(position);
    EXPECT_EQ(StatusOf(resize.send()).code(), Code::kNotFound);
  }
  auto disk = machine.updateDiskRequest();
  EXPECT_EQ(StatusOf(disk.send()), absl::OkStatus());
}

TEST_F(WrongOrderTest, CallsInAnyOrderAreAnswered) {
  constexpr unsigned kRounds = 40;
  constexpr unsigned kCalls = 25;
  std::string screen;
  std::vector<MachineCall> calls = MachineCalls(screen);
  calls.push_back({"a second create", [this](auto) {
                     auto create = MakeCreateRequest().send();
                     return create.getMachine().startRequest().send().ignoreResult();
                   }});
  calls.push_back({"listen without a socket",
                   [this](auto) { return client_->vmm().listenRequest().send().ignoreResult(); }});
  calls.push_back(
      {"machine", [this](auto) { return client_->vmm().machineRequest().send().ignoreResult(); }});
  std::minstd_rand random(1);  // the same each time
  for (unsigned round = 0; round < kRounds; ++round) {
    ASSERT_NO_FATAL_FAILURE(Begin());
    auto machine = MakeCreateRequest().send().wait(io_.waitScope).getMachine();
    std::vector<capnp::RemotePromise<rpc::Machine::WaitResults>> waits;
    std::string history;
    for (unsigned at = 0; at < kCalls; ++at) {
      if (random() % 8 == 0) waits.push_back(machine.waitRequest().send());
      const MachineCall& call = calls.at(random() % calls.size());
      const absl::Status status = StatusOf(call.make(machine));
      history += std::string(call.name) + ": " + status.ToString() + "\n";
      EXPECT_THAT(status.code(), AnyOf(Code::kOk, Code::kInvalidArgument, Code::kNotFound,
                                       Code::kFailedPrecondition, Code::kPermissionDenied))
          << history;
    }
    // However it went, it can be ended, and all who wait are told the same.
    EXPECT_EQ(StatusOf(machine.killRequest().send()), absl::OkStatus()) << history;
    waits.push_back(machine.waitRequest().send());
    waits.push_back(machine.waitRequest().send());
    for (auto& wait : waits) {
      EXPECT_EQ(wait.wait(io_.waitScope).getStatus().getReason(), rpc::ExitReason::KILLED)
          << history;
    }
    EXPECT_EQ(StatusOf(machine.startRequest().send()).code(), Code::kFailedPrecondition);
    EXPECT_EQ(StatusOf(machine.pauseRequest().send()).code(), Code::kFailedPrecondition);
  }
}

}  // namespace
}  // namespace mayfly::api
