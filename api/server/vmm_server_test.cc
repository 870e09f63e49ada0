// The capabilities of a VMM, over a socket as a client finds them, with a real VM behind them.

#include "api/server/vmm_server.h"

#include <capnp/rpc-twoparty.h>
#include <fcntl.h>
#include <kj/async-io.h>

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "api/client/machine_client.h"
#include "api/client/vmm_connection.h"
#include "api/codec/fd_file.h"
#include "api/codec/rpc_status.h"
#include "api/testing/guest_spec.h"
#include "api/testing/listening_socket.h"
#include "api/testing/screen.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using testing::GuestSpec;
using ::testing::HasSubstr;
using testing::ListeningSocket;
using testing::Screen;

class VmmServerTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~VmmServerTest() noexcept override = default;

  void SetUp() override {
    if (const std::string why = testing::WhyNoGuests(); !why.empty()) GTEST_SKIP() << why;
    auto pipe = io_.provider->newCapabilityPipe();
    client_end_ = std::move(pipe.ends[0]);
    server_end_ = std::move(pipe.ends[1]);
    server_.emplace(kj::heap<VmmServer>(kj::addRef(*slot_), std::make_shared<Timeline>(),
                                        io_.unixEventPort, connections_, nullptr));
    served_ = server_->accept(*server_end_, kMaxFdsPerMessage).eagerlyEvaluate(nullptr);
    client_.emplace(*client_end_, kMaxFdsPerMessage);
  }

  rpc::Vmm::Client Vmm() { return client_->bootstrap().castAs<rpc::Vmm>(); }
  rpc::Machine::Client Create(MachineSpec spec) {
    auto request = Vmm().createRequest();
    EncodeSpec(std::move(spec), request);
    return request.send().getMachine();
  }
  absl::StatusOr<vmm::ExitStatus> WaitFor(MachineClient& machine) {
    return machine.WhenEnded().wait(io_.waitScope);
  }
  template <typename Promise>
  absl::Status StatusOf(Promise promise) {
    return promise.ignoreResult()
        .then([] { return absl::OkStatus(); },
              [](kj::Exception&& exception) { return FromException(exception); })
        .wait(io_.waitScope);
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  Connections connections_{io_};
  kj::Own<VmSlot> slot_ = kj::refcounted<VmSlot>();
  kj::Own<kj::AsyncCapabilityStream> client_end_;
  kj::Own<kj::AsyncCapabilityStream> server_end_;
  std::optional<capnp::TwoPartyServer> server_;
  kj::Promise<void> served_ = nullptr;
  std::optional<capnp::TwoPartyClient> client_;
  std::string screen_;
};

TEST_F(VmmServerTest, BootsInOneGo) {
  MachineClient machine =
      MachineClient::Launch(Vmm(), GuestSpec("hello"), kj::heap<Screen>(screen_));
  const auto status = WaitFor(machine);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->reason, vmm::ExitReason::kStatus);
  EXPECT_EQ(status->status, 0);
  EXPECT_EQ(screen_, "Hello from a Mayfly guest\n");
}

TEST_F(VmmServerTest, InputAndKill) {
  MachineClient machine =
      MachineClient::Launch(Vmm(), GuestSpec("echo"), kj::heap<Screen>(screen_));
  const std::string line = "abc\n";
  auto request = machine.input().writeRequest();
  request.setBytes(kj::arrayPtr(reinterpret_cast<const kj::byte*>(line.data()), line.size()));
  request.send().wait(io_.waitScope);
  while (screen_.find("ABC") == std::string::npos) {
    io_.provider->getTimer().afterDelay(1 * kj::MILLISECONDS).wait(io_.waitScope);
  }
  machine.Kill();
  const auto status = WaitFor(machine);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->reason, vmm::ExitReason::kKilled);
}

TEST_F(VmmServerTest, TheTimeoutEndsIt) {
  MachineSpec spec = GuestSpec("halt");
  spec.timeout = std::chrono::milliseconds(50);
  MachineClient machine = MachineClient::Launch(Vmm(), std::move(spec), kj::heap<Screen>(screen_));
  const auto status = WaitFor(machine);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->reason, vmm::ExitReason::kTimeout);
  EXPECT_THAT(status->detail, HasSubstr("50 ms"));
}

TEST_F(VmmServerTest, TheTimelineIsThereDuringAndAfter) {
  MachineClient machine =
      MachineClient::Launch(Vmm(), GuestSpec("hello"), kj::heap<Screen>(screen_));
  ASSERT_TRUE(WaitFor(machine).ok());
  Timeline timeline;
  ASSERT_TRUE(machine.FetchTimeline(timeline).wait(io_.waitScope).ok());
  EXPECT_LT(*timeline.At(TimelineStep::kSpecReceived), *timeline.At(TimelineStep::kFirstRun));
  EXPECT_LT(*timeline.At(TimelineStep::kFirstRun), *timeline.At(TimelineStep::kExited));
}

TEST_F(VmmServerTest, TheEndCanBeAskedForAnyNumberOfTimes) {
  auto machine = Create(GuestSpec("exit_status"));
  ASSERT_TRUE(StatusOf(machine.startRequest().send()).ok());
  for (int time = 0; time < 2; ++time) {
    const auto response = machine.waitRequest().send().wait(io_.waitScope);
    EXPECT_EQ(response.getStatus().getReason(), rpc::ExitReason::STATUS);
    EXPECT_EQ(response.getStatus().getStatus(), 42);
  }
}

TEST_F(VmmServerTest, ABadSpecIsRefusedAndAGoodOneTakenAfterwards) {
  MachineSpec none = GuestSpec("hello");
  none.machine.kernel.fd = OwnedFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  none.machine.kernel.name = "nothing";
  MachineClient bad = MachineClient::Launch(Vmm(), std::move(none), kj::heap<Screen>(screen_));
  const auto refused = WaitFor(bad);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("nothing"));

  MachineClient good = MachineClient::Launch(Vmm(), GuestSpec("hello"), kj::heap<Screen>(screen_));
  EXPECT_TRUE(WaitFor(good).ok());
}

TEST_F(VmmServerTest, OneVmToAProcess) {
  auto first = Create(GuestSpec("halt"));
  ASSERT_TRUE(StatusOf(first.timelineRequest().send()).ok());
  auto second = Create(GuestSpec("halt"));
  EXPECT_EQ(StatusOf(second.startRequest().send()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(VmmServerTest, StartsOnce) {
  auto machine = Create(GuestSpec("halt"));
  EXPECT_TRUE(StatusOf(machine.startRequest().send()).ok());
  EXPECT_EQ(StatusOf(machine.startRequest().send()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(VmmServerTest, CanBeKilledBeforeItsStart) {
  auto machine = Create(GuestSpec("halt"));
  auto end = machine.waitRequest().send();
  EXPECT_TRUE(StatusOf(machine.killRequest().send()).ok());
  EXPECT_EQ(end.wait(io_.waitScope).getStatus().getReason(), rpc::ExitReason::KILLED);
}

TEST_F(VmmServerTest, AConsoleNeedsAStream) {
  auto machine = Create(GuestSpec("halt"));
  EXPECT_EQ(StatusOf(machine.consoleRequest().send()).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(VmmServerTest, ANarrowedHandleDoesWhatItMayAndNoMore) {
  auto machine = Create(GuestSpec("exit_status"));
  auto narrow = machine.narrowRequest();
  narrow.initPermissions(1).set(0, rpc::Permission::WAIT);
  auto waiter = narrow.send().getMachine();
  auto end = waiter.waitRequest().send();
  EXPECT_EQ(StatusOf(waiter.startRequest().send()).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(StatusOf(waiter.statsRequest().send()).code(), absl::StatusCode::kPermissionDenied);
  auto wider = waiter.narrowRequest();
  wider.initPermissions(1).set(0, rpc::Permission::CONTROL);
  EXPECT_EQ(StatusOf(wider.send()).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(StatusOf(machine.startRequest().send()).ok());
  EXPECT_EQ(end.wait(io_.waitScope).getStatus().getStatus(), 42);
}

TEST_F(VmmServerTest, ANarrowedHandleKeepsNoVmAlive) {
  bool released = false;
  auto watch = slot_->released.then([&released] { released = true; }).eagerlyEvaluate(nullptr);
  rpc::Machine::Client waiter = nullptr;
  {
    auto machine = Create(GuestSpec("halt"));
    auto narrow = machine.narrowRequest();
    narrow.initPermissions(1).set(0, rpc::Permission::WAIT);
    waiter = narrow.send().wait(io_.waitScope).getMachine();
    EXPECT_FALSE(released);
  }
  while (!released) {
    io_.provider->getTimer().afterDelay(1 * kj::MILLISECONDS).wait(io_.waitScope);
  }
}

TEST_F(VmmServerTest, ThereIsNoVmBeforeItWasMade) {
  EXPECT_EQ(StatusOf(Vmm().machineRequest().send()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(VmmServerTest, NoVmIsDetachedThatNobodyCouldFind) {
  auto machine = Create(GuestSpec("halt"));
  EXPECT_EQ(StatusOf(machine.detachRequest().send()).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(VmmServerTest, ListensOnListeningSocketsOnlyAndKeepsNoMoreThanItSays) {
  const auto listen = [this](OwnedFd socket, size_t record, unsigned files) {
    auto request = Vmm().listenRequest();
    request.setSocket(kj::heap<FdFile>(std::move(socket)));
    request.initRecord(static_cast<capnp::uint>(record));
    auto list = request.initFiles(files);
    for (unsigned file = 0; file < files; ++file) {
      list.set(file, kj::heap<FdFile>(OwnedFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
    }
    return StatusOf(request.send());
  };
  const ListeningSocket socket;
  ASSERT_TRUE(socket.valid());
  const auto no_socket = listen(OwnedFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), 0, 0);
  EXPECT_EQ(no_socket.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(no_socket.message()), HasSubstr("socket: "));
  const auto no_listener = listen(socket.Connect(), 0, 0);
  EXPECT_EQ(no_listener.code(), absl::StatusCode::kInvalidArgument);
  const auto record = listen(socket.Duplicate(), VmmServer::kMostRecordBytes + 1, 0);
  EXPECT_THAT(std::string(record.message()), HasSubstr("record: 65537 bytes"));
  const auto files = listen(socket.Duplicate(), 0, kMaxFilesLeft + 1);
  EXPECT_THAT(std::string(files.message()), HasSubstr("files: 5"));
  EXPECT_EQ(listen(socket.Duplicate(), VmmServer::kMostRecordBytes, kMaxFilesLeft),
            absl::OkStatus());
}

TEST_F(VmmServerTest, ClientsBeyondTheMostWaitUntilOneGoes) {
  const ListeningSocket socket;
  ASSERT_TRUE(socket.valid());
  ASSERT_EQ(connections_.Listen(socket.Duplicate(), Vmm()), absl::OkStatus());
  const auto call = [](VmmConnection& connection) {
    return connection.vmm().machineRequest().send().ignoreResult().catch_([](kj::Exception&&) {});
  };
  std::list<VmmConnection> clients;
  for (unsigned client = 0; client < Connections::kMost; ++client) {
    call(clients.emplace_back(io_, socket.Connect())).wait(io_.waitScope);
  }
  VmmConnection late(io_, socket.Connect());
  bool answered = false;
  auto answer = call(late).then([&answered] { answered = true; }).eagerlyEvaluate(nullptr);
  call(clients.back()).wait(io_.waitScope);
  EXPECT_FALSE(answered);
  clients.pop_front();
  answer.wait(io_.waitScope);
  EXPECT_TRUE(answered);
}

TEST_F(VmmServerTest, TheLastReleaseIsNoticed) {
  bool released = false;
  auto watch = slot_->released.then([&released] { released = true; }).eagerlyEvaluate(nullptr);
  {
    auto machine = Create(GuestSpec("halt"));
    ASSERT_TRUE(StatusOf(machine.startRequest().send()).ok());
    EXPECT_FALSE(released);
  }
  while (!released) {
    io_.provider->getTimer().afterDelay(1 * kj::MILLISECONDS).wait(io_.waitScope);
  }
}

}  // namespace
}  // namespace mayfly::api
