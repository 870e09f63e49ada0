// Calls on a VMM in orders that nobody means, with files that are none of what they should be:
// each is answered, with an error that says what was wrong where something was, and the VMM goes
// on.

#include <fcntl.h>
#include <kj/async-io.h>
#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "api/client/vmm_connection.h"
#include "api/codec/fd_file.h"
#include "api/codec/rpc_status.h"
#include "api/server/connections.h"
#include "api/server/vmm_server.h"
#include "api/testing/guest_spec.h"
#include "api/testing/listening_socket.h"
#include "api/testing/screen.h"
#include "base/pipe.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::AnyOf;
using testing::GuestSpec;
using ::testing::HasSubstr;
using testing::ListeningSocket;
using testing::Screen;

using Code = absl::StatusCode;
using CreateRequest = capnp::Request<rpc::Vmm::CreateParams, rpc::Vmm::CreateResults>;

constexpr off_t kDiskBytes = 65536;

// What is open, but not what it should be.
struct WrongFile {
  const char* what;
  std::function<OwnedFd()> open;
};

[[nodiscard]] OwnedFd Disk(int flags) {
  const OwnedFd disk(::memfd_create("disk", MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(disk.get(), kDiskBytes), 0);
  const std::string path = "/proc/self/fd/" + std::to_string(disk.get());
  return OwnedFd(::open(path.c_str(), flags | O_CLOEXEC));
}

[[nodiscard]] std::vector<WrongFile> WrongFiles() {
  return {{"a directory", [] { return OwnedFd(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }},
          {"a pipe", [] { return Pipe::Make().value().reader; }},
          {"a device", [] { return OwnedFd(::open("/dev/null", O_RDWR | O_CLOEXEC)); }},
          {"a path", [] { return OwnedFd(::open("/dev/null", O_PATH | O_CLOEXEC)); }},
          {"an empty file", [] { return OwnedFd(::memfd_create("empty", MFD_CLOEXEC)); }},
          {"a disk to read", [] { return Disk(O_RDONLY); }}};
}

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
    disk.getImage().setFile(kj::heap<FdFile>(Disk(O_RDWR)));
    return request;
  }
  template <typename Promise>
  [[nodiscard]] absl::Status StatusOf(Promise promise) {
    return promise.ignoreResult()
        .then([] { return absl::OkStatus(); },
              [](kj::Exception&& exception) { return FromException(exception); })
        .wait(io_.waitScope);
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  const ListeningSocket socket_;
  Connections connections_{io_};
  kj::Own<VmSlot> slot_ = kj::refcounted<VmSlot>();
  kj::Own<VmmConnection> client_;
};

TEST_F(WrongOrderTest, AWrongFileIsAnErrorThatNamesItsField) {
  struct Place {
    const char* field;
    std::function<void(CreateRequest&, rpc::File::Client)> put;
  };
  const std::vector<Place> places = {
      {"kvm", [](CreateRequest& request, auto file) { request.setKvm(kj::mv(file)); }},
      {"kernel", [](CreateRequest& request,
                    auto file) { request.getSpec().getKernel().setFile(kj::mv(file)); }},
      {"disk \"disk\"",
       [](CreateRequest& request, auto file) {
         request.getSpec().getDisks()[0].getImage().setFile(kj::mv(file));
       }},
      {"nets[0]",
       [](CreateRequest& request, auto file) {
         request.getSpec().initNets(1)[0].getBackend().initTap(1).set(0, kj::mv(file));
       }},
      {"nets[0]", [](CreateRequest& request, auto file) {
         request.getSpec().initNets(1)[0].getBackend().setPasst(kj::mv(file));
       }}};
  for (const Place& place : places) {
    for (const WrongFile& wrong : WrongFiles()) {
      auto request = MakeCreateRequest();
      place.put(request, kj::heap<FdFile>(wrong.open()));
      const absl::Status status = StatusOf(request.send());
      EXPECT_FALSE(status.ok()) << wrong.what << " as " << place.field;
      EXPECT_NE(status.code(), Code::kUnknown) << status;
      EXPECT_THAT(absl::AsciiStrToLower(status.message()), HasSubstr(place.field)) << wrong.what;
    }
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

// One call on a VM; what it may answer beyond success.
struct Call {
  const char* name;
  std::function<absl::Status(rpc::Machine::Client)> make;
};

TEST_F(WrongOrderTest, CallsInAnyOrderAreAnswered) {
  constexpr unsigned kRounds = 40;
  constexpr unsigned kCalls = 25;
  std::string screen;
  const std::vector<Call> calls = {
      {"start", [&](auto machine) { return StatusOf(machine.startRequest().send()); }},
      {"kill", [&](auto machine) { return StatusOf(machine.killRequest().send()); }},
      {"console",
       [&](auto machine) {
         auto request = machine.consoleRequest();
         request.setOutput(kj::heap<Screen>(screen));
         return StatusOf(request.send());
       }},
      {"console without a stream",
       [&](auto machine) { return StatusOf(machine.consoleRequest().send()); }},
      {"timeline", [&](auto machine) { return StatusOf(machine.timelineRequest().send()); }},
      {"updateDisk", [&](auto machine) { return StatusOf(machine.updateDiskRequest().send()); }},
      {"updateNet", [&](auto machine) { return StatusOf(machine.updateNetRequest().send()); }},
      {"resizeDisk", [&](auto machine) { return StatusOf(machine.resizeDiskRequest().send()); }},
      {"stats", [&](auto machine) { return StatusOf(machine.statsRequest().send()); }},
      {"events without a listener",
       [&](auto machine) { return StatusOf(machine.eventsRequest().send()); }},
      {"narrow, then kill",
       [&](auto machine) {
         auto narrow = machine.narrowRequest();
         narrow.initPermissions(1).set(0, rpc::Permission::WAIT);
         return StatusOf(narrow.send().getMachine().killRequest().send());
       }},
      {"narrow to what there is not",
       [&](auto machine) {
         auto narrow = machine.narrowRequest();
         narrow.initPermissions(1).set(0, static_cast<rpc::Permission>(77));
         return StatusOf(narrow.send());
       }},
      {"attach", [&](auto machine) { return StatusOf(machine.attachRequest().send()); }},
      {"pause", [&](auto machine) { return StatusOf(machine.pauseRequest().send()); }},
      {"resume", [&](auto machine) { return StatusOf(machine.resumeRequest().send()); }},
      {"powerButton", [&](auto machine) { return StatusOf(machine.powerButtonRequest().send()); }},
      {"a second create",
       [&](auto) {
         return StatusOf(MakeCreateRequest().send().getMachine().startRequest().send());
       }},
      {"listen without a socket",
       [&](auto) { return StatusOf(client_->vmm().listenRequest().send()); }},
      {"machine", [&](auto) { return StatusOf(client_->vmm().machineRequest().send()); }},
  };
  std::minstd_rand random(1);  // the same each time
  for (unsigned round = 0; round < kRounds; ++round) {
    ASSERT_NO_FATAL_FAILURE(Begin());
    auto machine = MakeCreateRequest().send().wait(io_.waitScope).getMachine();
    std::vector<capnp::RemotePromise<rpc::Machine::WaitResults>> waits;
    std::string history;
    for (unsigned at = 0; at < kCalls; ++at) {
      if (random() % 8 == 0) waits.push_back(machine.waitRequest().send());
      const Call& call = calls.at(random() % calls.size());
      const absl::Status status = call.make(machine);
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
