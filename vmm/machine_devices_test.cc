// The devices of a machine: where the guest finds them, and what their owner can do with them.

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/testing/guest_code.h"
#include "vmm/testing/machine_fixture.h"
#include "vmm/testing/memory_file.h"

namespace mayfly::vmm {
namespace {

using ::testing::Field;
using testing::GuestCode;
using ::testing::HasSubstr;
using testing::MemoryFile;
using ::testing::Optional;
using MachineDevicesTest = testing::MachineFixture;

TEST_F(MachineDevicesTest, ADiskIsOnTheBusAndOnTheCommandLine) {
  // The magic number of the first device's registers, and what the command line ends with.
  const auto registers = static_cast<uint32_t>(layout::kVirtioMmio);
  const auto last = static_cast<uint32_t>(
      layout::kCommandLine + std::strlen("quiet virtio_mmio.device=4K@0xd0000000:16") - 1);
  const std::vector<std::byte> image(size_t{1} << 20);
  GuestCode code;
  code.Load32(registers).OutAl(layout::kSerial).Load32(last).OutAl(layout::kSerial).Exit(0);
  MachineConfig config = Config(code);
  config.command_line = "quiet";
  config.disks.push_back({.image = {.fd = MemoryFile(image), .name = "disk.img"}, .serial = ""});
  ASSERT_EQ(Launch(std::move(config)), absl::OkStatus());
  ASSERT_TRUE(Wait().has_value());
  EXPECT_EQ(Output(), "v6");
}

TEST_F(MachineDevicesTest, NetworkDevicesComeBehindTheDisks) {
  const auto second = static_cast<uint32_t>(layout::kVirtioMmio + layout::kVirtioMmioStride);
  constexpr uint32_t kDeviceId = 8;
  const std::vector<std::byte> image(size_t{1} << 20);
  // The device ID of a network card is 1.
  MachineConfig config =
      Config(GuestCode().Load32(second + kDeviceId).OutAl(layout::kExit).Exit(99));
  config.nets.emplace_back();
  config.disks.push_back({.image = {.fd = MemoryFile(image), .name = "disk.img"}, .serial = ""});
  ASSERT_EQ(Launch(std::move(config)), absl::OkStatus());
  EXPECT_THAT(Wait(), Optional(Field(&ExitStatus::status, 1)));
}

TEST_F(MachineDevicesTest, TakesAsManyDevicesOfAnyMixAsThereArePlaces) {
  MachineConfig config = Config(GuestCode().Exit(5));
  config.cpus = 8;
  const std::vector<std::byte> image(size_t{1} << 20);
  for (size_t index = 0; index < layout::kMaxVirtioDevices; ++index) {
    if (index % 2 == 0) {
      config.disks.push_back({.image = {.fd = MemoryFile(image), .name = "d"}, .serial = ""});
    } else {
      config.nets.emplace_back().queue_pairs = 4;
    }
  }
  ASSERT_EQ(Launch(std::move(config)), absl::OkStatus());
  EXPECT_THAT(Wait(), Optional(Field(&ExitStatus::status, 5)));
  const DeviceStats stats = machine_->device_stats();
  EXPECT_EQ(stats.disks.size() + stats.nets.size(), layout::kMaxVirtioDevices);
}

TEST_F(MachineDevicesTest, MacAddressesMadeByChanceDiffer) {
  MachineConfig config = Config(GuestCode().Exit(0));
  config.nets.resize(2);
  ASSERT_EQ(Create(std::move(config)), absl::OkStatus());
  const DeviceStats stats = machine_->device_stats();
  ASSERT_EQ(stats.nets.size(), 2U);
  EXPECT_TRUE(stats.nets[0].mac.IsStation()) << stats.nets[0].mac.ToString();
  EXPECT_NE(stats.nets[0].mac.bytes[0] & 0x02U, 0U) << "an address that belongs to somebody";
  EXPECT_NE(stats.nets[0].mac, stats.nets[1].mac);
}

TEST_F(MachineDevicesTest, DevicesCanBeChangedUntilTheEnd) {
  const std::vector<std::byte> image(size_t{1} << 20);
  OwnedFd file = MemoryFile(image);
  const OwnedFd ours = OwnedFd::Duplicate(file.get()).value();
  MachineConfig config = Config(GuestCode().Exit(0));
  config.disks.push_back({.image = {.fd = std::move(file), .name = "d"}, .serial = ""});
  config.nets.emplace_back();
  ASSERT_EQ(Create(std::move(config)), absl::OkStatus());
  EXPECT_EQ(machine_->UpdateDisk(0, {.operations = {.per_second = 1}, .bytes = {}}),
            absl::OkStatus());
  EXPECT_EQ(machine_->UpdateNet(0, virtio::RateLimits(), std::nullopt), absl::OkStatus());
  EXPECT_EQ(machine_->UpdateDisk(1, {}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(machine_->UpdateNet(1, {}, {}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(machine_->ResizeDisk(1).status().code(), absl::StatusCode::kNotFound);
  ASSERT_EQ(::ftruncate(ours.get(), 2 << 20), 0);
  EXPECT_EQ(machine_->ResizeDisk(0).value_or(0), uint64_t{2} << 20);
  EXPECT_EQ(machine_->device_stats().disks.at(0).capacity, uint64_t{2} << 20);
  ASSERT_EQ(::ftruncate(ours.get(), 1000), 0);
  EXPECT_FALSE(machine_->ResizeDisk(0).ok());
  EXPECT_EQ(machine_->device_stats().disks.at(0).capacity, uint64_t{2} << 20);

  machine_->End(ExitReason::kKilled, "enough");
  EXPECT_EQ(machine_->UpdateDisk(0, {}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(machine_->UpdateNet(0, {}, {}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(machine_->ResizeDisk(0).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(machine_->device_stats().disks.size(), 1U);
  EXPECT_EQ(machine_->state(), MachineState::kEnded);
}

TEST_F(MachineDevicesTest, AVmWithoutDevicesSaysSo) {
  ASSERT_EQ(Create(Config(GuestCode().Exit(0))), absl::OkStatus());
  EXPECT_EQ(machine_->state(), MachineState::kCreated);
  EXPECT_EQ(machine_->UpdateDisk(0, {}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(machine_->ResizeDisk(0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(machine_->device_stats().disks.empty());
}

TEST_F(MachineDevicesTest, RefusesDevicesThatCannotBe) {
  struct Case {
    std::function<void(MachineConfig&)> spoil;
    const char* message;
  };
  const Case cases[] = {
      {[](MachineConfig& config) {
         DiskConfig& disk = config.disks.emplace_back();
         disk.image.name = "both.img";
         disk.access = DiskAccess::kReadOnly;
         disk.overlay.emplace();
       },
       "disk \"both.img\": an overlay is there to be written to"},
      {[](MachineConfig& config) {
         config.disks.resize(10);
         config.nets.resize(10);
       },
       "10 disks and 10 network devices are more"},
      {[](MachineConfig& config) { config.nets.emplace_back().queue_pairs = 1000; },
       "fewer queue pairs"},
      {[](MachineConfig& config) {
         NetConfig& net = config.nets.emplace_back();
         net.name = "odd";
         net.backend.emplace<TapNet>().queues.resize(2);
       },
       "network device \"odd\": it is to have 1 queue pairs, but its backend has 2"},
      {[](MachineConfig& config) {
         NetConfig& net = config.nets.emplace_back();
         net.name = "no-tap";
         net.backend.emplace<TapNet>().queues.emplace_back(::open("/dev/null", O_RDWR));
       },
       "network device \"no-tap\""},
  };
  for (const Case& item : cases) {
    MachineConfig config = Config(GuestCode().Exit(0));
    item.spoil(config);
    const absl::Status status = Create(std::move(config));
    EXPECT_FALSE(status.ok()) << item.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(item.message));
  }
  EXPECT_EQ(exits_, 0) << "a VM that never was does not end";
}

}  // namespace
}  // namespace mayfly::vmm
