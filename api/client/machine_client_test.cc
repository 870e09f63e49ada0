// A running VM in a mayfly-vmm process of its own, changed and looked at from its client.

#include "api/client/machine_client.h"

#include <kj/async-io.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/client/vmm_connection.h"
#include "api/client/vmm_process.h"
#include "api/testing/guest_spec.h"
#include "api/testing/screen.h"
#include "base/socket_pair.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::ElementsAre;
using testing::GuestSpec;
using ::testing::HasSubstr;
using testing::Screen;

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kDiskBytes = uint64_t{1} << 20;
constexpr uint8_t kFrameBytes = 60;
// One at once, and then none for longer than a test may take.
constexpr virtio::RateLimits kAFrameAMinute = {.operations = {},
                                               .bytes = {.per_second = 1, .burst = 1}};

class Listener final : public rpc::EventListener::Server {
 public:
  explicit Listener(std::vector<std::string>& events) : events_(events) {}

 protected:
  kj::Promise<void> event(EventContext context) override {
    events_.emplace_back(context.getParams().getEvent().getText().cStr());
    return kj::READY_NOW;
  }

 private:
  std::vector<std::string>& events_;
};

// A disk as the guest `block` verifies it: every word of sector n holds n.
OwnedFd MakeDisk() {
  OwnedFd fd(::memfd_create("disk", MFD_CLOEXEC));
  std::vector<uint64_t> words(kDiskBytes / sizeof(uint64_t));
  for (size_t at = 0; at < words.size(); ++at) words[at] = at * sizeof(uint64_t) / kSectorBytes;
  EXPECT_EQ(::pwrite(fd.get(), words.data(), kDiskBytes, 0), static_cast<ssize_t>(kDiskBytes));
  return fd;
}

class MachineClientTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~MachineClientTest() noexcept override = default;

  void SetUp() override {
    if (const std::string why = testing::WhyNoGuests(); !why.empty()) GTEST_SKIP() << why;
    const std::string program = std::filesystem::current_path() / "mayfly-vmm";
    ASSERT_EQ(::setenv("MAYFLY_VMM", program.c_str(), 1), 0);
    absl::StatusOr<VmmProcess> process = VmmProcess::Spawn();
    ASSERT_TRUE(process.ok()) << process.status();
    connection_.emplace(io_, process->TakeSocket());
  }

  static vmm::DiskConfig Disk(OwnedFd image) {
    vmm::DiskConfig disk;
    disk.image = {std::move(image), "disk.img"};
    return disk;
  }

  void Launch(MachineSpec spec) {
    machine_.emplace(
        MachineClient::Launch(connection_->vmm(), std::move(spec), kj::heap<Screen>(screen_),
                              rpc::EventListener::Client(kj::heap<Listener>(events_))));
  }
  void Pause() { io_.provider->getTimer().afterDelay(1 * kj::MILLISECONDS).wait(io_.waitScope); }
  void AwaitOutput(const std::string& text) {
    while (screen_.find(text) == std::string::npos) Pause();
  }
  // Until the end of the VM; its exit status, or -1.
  int Await() {
    const auto status = machine_->WhenEnded().wait(io_.waitScope);
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() && status->reason == vmm::ExitReason::kStatus ? status->status : -1;
  }
  absl::Status UpdateDisk(uint32_t disk, const virtio::RateLimits& limits) {
    return machine_->UpdateDisk(disk, limits).wait(io_.waitScope);
  }
  absl::Status UpdateNet(uint32_t net, const std::optional<virtio::RateLimits>& transmit,
                         const std::optional<virtio::RateLimits>& receive = std::nullopt) {
    return machine_->UpdateNet(net, transmit, receive).wait(io_.waitScope);
  }
  absl::StatusOr<uint64_t> ResizeDisk(uint32_t disk) {
    return machine_->ResizeDisk(disk).wait(io_.waitScope);
  }
  vmm::MachineStats StatsOfAll() {
    const auto stats = machine_->FetchStats().wait(io_.waitScope);
    EXPECT_TRUE(stats.ok()) << stats.status();
    return stats.value_or(vmm::MachineStats());
  }
  vmm::DeviceStats Stats() { return StatsOfAll().devices; }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  std::optional<VmmConnection> connection_;
  std::string screen_;
  std::vector<std::string> events_;
  std::optional<MachineClient> machine_;
};

TEST_F(MachineClientTest, LimitsCanBeLiftedWhileTheGuestWaits) {
  MachineSpec spec = GuestSpec("block", "verify");
  vmm::DiskConfig disk = Disk(MakeDisk());
  // The guest asks 17 times: it would take longer than this test may.
  disk.limits.operations = {.per_second = 1, .burst = 1};
  disk.limits.bytes = {.per_second = uint64_t{1} << 30, .burst = uint64_t{1} << 30};
  spec.machine.disks.push_back(std::move(disk));
  Launch(std::move(spec));
  while (Stats().disks.at(0).counters.throttled == 0) Pause();
  EXPECT_EQ(screen_.find("verified"), std::string::npos);
  EXPECT_EQ(UpdateDisk(0, virtio::RateLimits()), absl::OkStatus());
  EXPECT_EQ(Await(), 0) << screen_;
  EXPECT_THAT(screen_, HasSubstr("disk 0: verified"));
}

TEST_F(MachineClientTest, SendingCanBeHeldBackAndLetGoWhileTheGuestSends) {
  MachineSpec spec = GuestSpec("netbench", "cases=tx-64 ms=1000000");
  spec.machine.nets.emplace_back();
  Launch(std::move(spec));
  AwaitOutput("begin tx-64");
  EXPECT_EQ(Stats().nets.at(0).transmit.throttled, 0U);
  EXPECT_EQ(UpdateNet(0, kAFrameAMinute), absl::OkStatus());
  while (Stats().nets.at(0).transmit.throttled == 0) Pause();
  const uint64_t sent = Stats().nets.at(0).transmit.packets;
  EXPECT_EQ(UpdateNet(0, std::nullopt, virtio::RateLimits()), absl::OkStatus());
  EXPECT_EQ(Stats().nets.at(0).transmit.packets, sent);
  EXPECT_EQ(UpdateNet(0, virtio::RateLimits()), absl::OkStatus());
  // More than the queue holds: the guest goes on.
  while (Stats().nets.at(0).transmit.packets < sent + 1000) Pause();
}

TEST_F(MachineClientTest, ReceivingCanBeLetGoWhileTheGuestWaits) {
  SocketPair passt = SocketPair::Make().value();
  MachineSpec spec = GuestSpec("netbench", "cases=rx-64");
  vmm::NetConfig& net = spec.machine.nets.emplace_back();
  net.backend.emplace<vmm::PasstNet>().socket = std::move(passt.ours);
  net.receive = kAFrameAMinute;
  constexpr uint64_t kFrames = 100;
  // A frame as passt has it, behind its length: the guest wants no more of it than that it comes.
  std::array<uint8_t, 4 + kFrameBytes> frame = {0, 0, 0, kFrameBytes};
  for (uint64_t i = 0; i < kFrames; ++i) {
    ASSERT_EQ(::write(passt.theirs.get(), frame.data(), frame.size()), ssize_t{sizeof frame});
  }
  Launch(std::move(spec));
  while (Stats().nets.at(0).receive.throttled == 0) Pause();
  EXPECT_EQ(UpdateNet(0, virtio::RateLimits()), absl::OkStatus());
  EXPECT_EQ(Stats().nets.at(0).receive.packets, 1U);
  EXPECT_EQ(UpdateNet(0, std::nullopt, virtio::RateLimits()), absl::OkStatus());
  while (Stats().nets.at(0).receive.packets < kFrames) Pause();
}

TEST_F(MachineClientTest, CountsWhatTheGuestDid) {
  MachineSpec spec = GuestSpec("block", "write");
  spec.machine.disks.push_back(Disk(MakeDisk()));
  vmm::DiskConfig overlay = Disk(MakeDisk());
  overlay.overlay.emplace();
  spec.machine.disks.push_back(std::move(overlay));
  Launch(std::move(spec));
  EXPECT_EQ(Await(), 0) << screen_;
  const vmm::DeviceStats stats = Stats();
  ASSERT_EQ(stats.disks.size(), 2U);
  for (const vmm::DiskStats& disk : stats.disks) {
    EXPECT_EQ(disk.counters.written_bytes, kDiskBytes);
    EXPECT_EQ(disk.counters.read_bytes, kDiskBytes);
    EXPECT_EQ(disk.counters.flushes, 1U);
    EXPECT_EQ(disk.counters.errors, 0U);
    EXPECT_EQ(disk.capacity, kDiskBytes);
  }
  EXPECT_EQ(stats.disks[0].overlay_bytes, 0U);
  EXPECT_GE(stats.disks[1].overlay_bytes, kDiskBytes);
}

TEST_F(MachineClientTest, CountsWhatTheGuestSent) {
  MachineSpec spec = GuestSpec("netbench", "cases=tx-64 ms=20");
  spec.machine.nets.emplace_back().mac = virtio::MacAddress::Parse("02:00:00:00:00:07").value();
  Launch(std::move(spec));
  EXPECT_EQ(Await(), 0) << screen_;
  const vmm::DeviceStats stats = Stats();
  ASSERT_EQ(stats.nets.size(), 1U);
  EXPECT_EQ(stats.nets[0].mac.ToString(), "02:00:00:00:00:07");
  EXPECT_GT(stats.nets[0].transmit.packets, 0U);
  EXPECT_GE(stats.nets[0].transmit.bytes, 60 * stats.nets[0].transmit.packets);
  EXPECT_TRUE(stats.nets[0].transmit.drops.empty());
  EXPECT_EQ(stats.nets[0].receive.packets, 0U);
}

TEST_F(MachineClientTest, WhatTheFilterDropsIsCounted) {
  MachineSpec spec = GuestSpec("netbench", "cases=tx-64 ms=20");
  // The guest sends frames that are neither IP nor ARP.
  spec.machine.nets.emplace_back().egress.emplace();
  Launch(std::move(spec));
  EXPECT_EQ(Await(), 0) << screen_;
  const vmm::NetDirectionStats sent = Stats().nets.at(0).transmit;
  EXPECT_EQ(sent.packets, 0U);
  ASSERT_EQ(sent.drops.size(), 1U);
  EXPECT_THAT(sent.drops[0].reason, HasSubstr("IP"));
  EXPECT_GT(sent.drops[0].frames, 0U);
}

TEST_F(MachineClientTest, DisksGrowWhileTheGuestRuns) {
  OwnedFd image = MakeDisk();
  const OwnedFd ours = OwnedFd::Duplicate(image.get()).value();
  MachineSpec spec = GuestSpec("echo");
  spec.machine.disks.push_back(Disk(std::move(image)));
  Launch(std::move(spec));
  AwaitOutput("ready");
  EXPECT_EQ(ResizeDisk(0).value_or(0), kDiskBytes);
  ASSERT_EQ(::ftruncate(ours.get(), 4 * kDiskBytes), 0);
  EXPECT_EQ(ResizeDisk(0).value_or(0), 4 * kDiskBytes);
  EXPECT_EQ(Stats().disks.at(0).capacity, 4 * kDiskBytes);
  ASSERT_EQ(::ftruncate(ours.get(), kDiskBytes + 1), 0);
  EXPECT_THAT(std::string(ResizeDisk(0).status().message()), HasSubstr("disk.img"));
}

TEST_F(MachineClientTest, DevicesThatThereAreNotAreNamed) {
  MachineSpec spec = GuestSpec("echo");
  spec.machine.disks.push_back(Disk(MakeDisk()));
  spec.machine.nets.emplace_back();
  Launch(std::move(spec));
  AwaitOutput("ready");
  EXPECT_EQ(UpdateNet(0, virtio::RateLimits()), absl::OkStatus());
  EXPECT_EQ(UpdateNet(1, {}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(UpdateDisk(1, {}).code(), absl::StatusCode::kNotFound);
  const absl::StatusOr<uint64_t> none = ResizeDisk(7);
  EXPECT_EQ(none.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("no disk 7"));
  machine_->Kill();
  EXPECT_EQ(Await(), -1);
  EXPECT_EQ(UpdateDisk(0, {}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Stats().nets.size(), 1U);
}

TEST_F(MachineClientTest, TheVmAsAWholeIsCountedToo) {
  Launch(GuestSpec("echo"));
  AwaitOutput("ready");
  vmm::MachineStats stats = StatsOfAll();
  EXPECT_EQ(stats.state, vmm::MachineState::kRunning);
  EXPECT_GT(stats.cpu, Nanoseconds::zero());
  EXPECT_GE(stats.console_bytes, screen_.size());
  EXPECT_EQ(stats.events, 0U);
  machine_->Kill();
  EXPECT_EQ(Await(), -1);
  EXPECT_EQ(StatsOfAll().state, vmm::MachineState::kEnded);
  EXPECT_EQ(StatsOfAll().console_bytes, screen_.size());
  EXPECT_GE(StatsOfAll().cpu, stats.cpu);
}

TEST_F(MachineClientTest, ThePowerButtonIsAnInterruptAlsoOfAGuestThatRests) {
  Launch(GuestSpec("power_button"));
  AwaitOutput("ready");
  EXPECT_EQ(machine_->Pause().wait(io_.waitScope), absl::OkStatus());
  EXPECT_EQ(machine_->PressPowerButton().wait(io_.waitScope), absl::OkStatus());
  EXPECT_EQ(machine_->Resume().wait(io_.waitScope), absl::OkStatus());
  EXPECT_EQ(Await(), 7);
  EXPECT_EQ(machine_->PressPowerButton().wait(io_.waitScope).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(MachineClientTest, PausesAreEvents) {
  Launch(GuestSpec("echo"));
  AwaitOutput("ready");
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(machine_->Pause().wait(io_.waitScope), absl::OkStatus());
  }
  EXPECT_EQ(StatsOfAll().state, vmm::MachineState::kPaused);
  EXPECT_EQ(machine_->Resume().wait(io_.waitScope), absl::OkStatus());
  EXPECT_EQ(StatsOfAll().events, 2U);
  EXPECT_THAT(events_, ElementsAre(HasSubstr("paused"), HasSubstr("goes on")));
}

TEST_F(MachineClientTest, EventsComeBeforeTheEnd) {
  MachineSpec spec = GuestSpec("block", "write");
  vmm::DiskConfig disk = Disk(MakeDisk());
  disk.overlay.emplace().cap_bytes = kDiskBytes / 4;
  spec.machine.disks.push_back(std::move(disk));
  Launch(std::move(spec));
  EXPECT_EQ(Await(), 1);
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_THAT(events_[0], HasSubstr("disk 0 (disk.img)"));
  EXPECT_EQ(StatsOfAll().events, 1U);
}

}  // namespace
}  // namespace mayfly::api
