// How a VM's end reaches those who read its console and listen to its events.

#include "api/server/hosted_machine.h"

#include <kj/async-io.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "api/testing/guest_spec.h"
#include "api/testing/screen.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using testing::GuestSpec;
using ::testing::HasSubstr;
using testing::Screen;

// Holds every event until the test lets go of it.
class HoldingListener final : public rpc::EventListener::Server {
 public:
  explicit HoldingListener(std::vector<kj::Own<kj::PromiseFulfiller<void>>>& held) : held_(held) {}

 protected:
  kj::Promise<void> event(EventContext) override {
    auto pair = kj::newPromiseAndFulfiller<void>();
    held_.push_back(std::move(pair.fulfiller));
    return std::move(pair.promise);
  }

 private:
  std::vector<kj::Own<kj::PromiseFulfiller<void>>>& held_;
};

// A reader of the console who takes nothing.
class StalledReader final : public rpc::ByteStream::Server {
 protected:
  kj::Promise<void> write(WriteContext) override { return kj::NEVER_DONE; }
  kj::Promise<void> end(EndContext) override { return kj::NEVER_DONE; }
};

class HostedMachineTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~HostedMachineTest() noexcept override = default;

  void SetUp() override {
    if (const std::string why = testing::WhyNoGuests(); !why.empty()) GTEST_SKIP() << why;
  }
  void Create(MachineSpec spec) {
    auto machine =
        HostedMachine::Create(std::move(spec), std::make_shared<Timeline>(), io_.unixEventPort);
    ASSERT_TRUE(machine.ok()) << machine.status();
    machine_ = *std::move(machine);
  }
  void Settle() {
    for (int turn = 0; turn < 20; ++turn) {
      io_.waitScope.poll();
      io_.unixEventPort.poll();
    }
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  kj::Own<HostedMachine> machine_;
};

TEST_F(HostedMachineTest, AnyNumberMayWaitAndNobodyForASlowListener) {
  // A guest that writes more than its overlay takes, which is an event.
  constexpr off_t kDiskBytes = off_t{1} << 20;
  MachineSpec spec = GuestSpec("block", "write");
  vmm::DiskConfig& disk = spec.machine.disks.emplace_back();
  disk.image = {OwnedFd(::memfd_create("disk", MFD_CLOEXEC)), "disk.img"};
  ASSERT_EQ(::ftruncate(disk.image.fd.get(), kDiskBytes), 0);
  disk.overlay.emplace().cap_bytes = kDiskBytes / 4;
  ASSERT_NO_FATAL_FAILURE(Create(std::move(spec)));
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> held;
  ASSERT_EQ(machine_->AttachListener(kj::heap<HoldingListener>(held)), absl::OkStatus());
  std::string text;
  const auto input = machine_->AttachConsole(kj::heap<Screen>(text));
  int answers = 0;
  auto first = machine_->WhenReported().then([&answers] { ++answers; }).eagerlyEvaluate(nullptr);
  auto second = machine_->WhenReported().then([&answers] { ++answers; }).eagerlyEvaluate(nullptr);
  ASSERT_EQ(machine_->Start(), absl::OkStatus());
  machine_->WhenEnded().wait(io_.waitScope);
  Settle();
  auto third = machine_->WhenReported().then([&answers] { ++answers; }).eagerlyEvaluate(nullptr);
  Settle();
  ASSERT_EQ(held.size(), 1U) << text;
  first.wait(io_.waitScope);
  second.wait(io_.waitScope);
  third.wait(io_.waitScope);
  EXPECT_EQ(answers, 3);
}

TEST_F(HostedMachineTest, TheConsoleEndsThoughNobodyWaitsForTheVm) {
  ASSERT_NO_FATAL_FAILURE(Create(GuestSpec("hello")));
  std::string text;
  bool ended = false;
  const auto input = machine_->AttachConsole(kj::heap<Screen>(text, &ended));
  ASSERT_EQ(machine_->Start(), absl::OkStatus());
  machine_->WhenEnded().wait(io_.waitScope);
  Settle();
  EXPECT_TRUE(ended);
  EXPECT_THAT(text, HasSubstr("Hello"));
}

TEST_F(HostedMachineTest, AReaderThatStallsHoldsUpNobodyWhoWaits) {
  ASSERT_NO_FATAL_FAILURE(Create(GuestSpec("hello")));
  const auto input = machine_->AttachConsole(kj::heap<StalledReader>());
  ASSERT_EQ(machine_->Start(), absl::OkStatus());
  machine_->WhenReported().wait(io_.waitScope);
  EXPECT_EQ(machine_->exit_status().reason, vmm::ExitReason::kStatus);
}

}  // namespace
}  // namespace mayfly::api
