// VMs at work that rest: nothing of theirs moves meanwhile.

#include <fcntl.h>
#include <kj/async-io.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "api/server/hosted_machine.h"
#include "api/testing/guest_spec.h"
#include "api/testing/screen.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using testing::GuestSpec;
using ::testing::HasSubstr;

constexpr uint64_t kMemoryBytes = uint64_t{32} << 20;
constexpr off_t kDiskBytes = off_t{64} << 20;
constexpr off_t kBlockBytes = 4096;
constexpr off_t kByteValues = 251;  // prime, so that neighbours in a queue differ
constexpr int kRounds = 10;

// The guest's memory, as it is mapped in this process.
std::span<const std::byte> GuestRam() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    char dash = 0;
    std::istringstream words(line);
    words >> std::hex >> begin >> dash >> end;
    if (line.find("memfd:") == std::string::npos || end - begin != kMemoryBytes) continue;
    return {reinterpret_cast<const std::byte*>(begin), kMemoryBytes};
  }
  return {};
}

class PauseTest : public ::testing::Test {
 protected:
  // KJ's destructors may throw, GoogleTest's may not.
  ~PauseTest() noexcept override = default;

  void SetUp() override {
    if (const std::string why = testing::WhyNoGuests(); !why.empty()) GTEST_SKIP() << why;
  }
  absl::Status Start(MachineSpec spec) {
    spec.machine.memory_bytes = kMemoryBytes;
    spec.machine.memory.backing = GuestMemory::Backing::kMemfd;
    auto machine =
        HostedMachine::Create(std::move(spec), std::make_shared<Timeline>(), io_.unixEventPort);
    if (!machine.ok()) return machine.status();
    machine_ = *std::move(machine);
    input_ = machine_->AttachConsole(kj::heap<testing::Screen>(screen_));
    return machine_->Start();
  }
  void Sleep() { io_.provider->getTimer().afterDelay(2 * kj::MILLISECONDS).wait(io_.waitScope); }
  template <typename Condition>
  void Await(const Condition& condition) {
    while (!condition()) {
      ASSERT_NE(machine_->stats().state, vmm::MachineState::kEnded) << screen_;
      Sleep();
    }
  }
  // Pauses the VM, looks whether anything moves, and lets it go on.
  void RestAndLook() {
    ASSERT_EQ(machine_->Pause(), absl::OkStatus());
    const std::span<const std::byte> ram = GuestRam();
    ASSERT_EQ(ram.size(), kMemoryBytes);
    std::vector<std::byte> before(ram.size());
    std::memcpy(before.data(), ram.data(), ram.size());
    const uint64_t printed = machine_->stats().console_bytes;
    Sleep();
    EXPECT_EQ(std::memcmp(ram.data(), before.data(), ram.size()), 0)
        << "somebody wrote the guest's memory";
    EXPECT_EQ(machine_->stats().console_bytes, printed);
    EXPECT_EQ(machine_->stats().state, vmm::MachineState::kPaused);
    ASSERT_EQ(machine_->Resume(), absl::OkStatus());
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  std::string screen_;
  kj::Own<HostedMachine> machine_;
  rpc::ByteStream::Client input_ = nullptr;
};

TEST_F(PauseTest, NoCpuRuns) {
  MachineSpec spec = GuestSpec("counter");
  spec.machine.cpus = 3;
  ASSERT_EQ(Start(std::move(spec)), absl::OkStatus());
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t printed = machine_->stats().console_bytes;
    Await([&] { return machine_->stats().console_bytes > printed; });
    ASSERT_NO_FATAL_FAILURE(RestAndLook());
  }
}

TEST_F(PauseTest, TheTimeoutGoesOn) {
  MachineSpec spec = GuestSpec("halt");
  spec.timeout = std::chrono::milliseconds(50);
  ASSERT_EQ(Start(std::move(spec)), absl::OkStatus());
  ASSERT_EQ(machine_->Pause(), absl::OkStatus());
  machine_->WhenEnded().wait(io_.waitScope);
  EXPECT_EQ(machine_->exit_status().reason, vmm::ExitReason::kTimeout);
}

class PausedDiskTest : public PauseTest, public ::testing::WithParamInterface<virtio::DiskEngine> {
 protected:
  [[nodiscard]] uint64_t Operations() {
    const virtio::BlockCounters counters = machine_->stats().devices.disks.at(0).counters;
    return counters.reads + counters.writes;
  }
  // A VM that keeps a disk of its own busy with `words`.
  MachineSpec BusyDisk(const std::string& words) {
    std::string path = ::testing::TempDir() + "/disk.XXXXXX";
    image_ = OwnedFd(::mkstemp(path.data()));
    EXPECT_EQ(::ftruncate(image_.get(), kDiskBytes), 0);
    ::unlink(path.c_str());
    MachineSpec spec = GuestSpec("blkbench", words);
    vmm::DiskConfig& disk = spec.machine.disks.emplace_back();
    disk.image = {OwnedFd(::dup(image_.get())), "disk.img"};
    disk.engine = GetParam();
    return spec;
  }
  // Gives each block of the image bytes of its own, so that whatever is read twice into one place
  // changes it.
  void FillImage() const {
    std::vector<uint8_t> block(kBlockBytes);
    for (off_t offset = 0; offset < kDiskBytes; offset += kBlockBytes) {
      std::ranges::fill(block, static_cast<uint8_t>(1 + offset / kBlockBytes % kByteValues));
      ASSERT_EQ(::pwrite(image_.get(), block.data(), block.size(), offset), kBlockBytes);
    }
  }
  [[nodiscard]] blkcnt_t BlocksInUse() const {
    struct stat status {};
    EXPECT_EQ(::fstat(image_.get(), &status), 0);
    return status.st_blocks;
  }

  OwnedFd image_;
};

INSTANTIATE_TEST_SUITE_P(Engines, PausedDiskTest,
                         ::testing::Values(virtio::DiskEngine::kSync, virtio::DiskEngine::kAuto),
                         [](const auto& test) {
                           return test.param == virtio::DiskEngine::kSync ? "Sync" : "Auto";
                         });

TEST_P(PausedDiskTest, NoDiskReadsIntoMemory) {
  MachineSpec spec = BusyDisk("cases=randread-4k-32 ms=1000000");
  ASSERT_NO_FATAL_FAILURE(FillImage());
  ASSERT_EQ(Start(std::move(spec)), absl::OkStatus());
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t operations = Operations();
    Await([&] { return Operations() > operations; });
    ASSERT_NO_FATAL_FAILURE(RestAndLook());
  }
}

TEST_P(PausedDiskTest, NoDiskIsWritten) {
  ASSERT_EQ(Start(BusyDisk("cases=seqwrite-128k-8 ms=1000000")), absl::OkStatus());
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t operations = Operations();
    Await([&] { return Operations() > operations; });
    ASSERT_EQ(machine_->Pause(), absl::OkStatus());
    // An empty file stays one, unless a write was still in flight.
    ASSERT_EQ(::ftruncate(image_.get(), 0), 0);
    ASSERT_EQ(::ftruncate(image_.get(), kDiskBytes), 0);
    Sleep();
    EXPECT_EQ(BlocksInUse(), 0);
    ASSERT_EQ(machine_->Resume(), absl::OkStatus());
  }
}

TEST_P(PausedDiskTest, NewLimitsCountFromTheEndOfThePauseOn) {
  MachineSpec spec = BusyDisk("cases=randread-4k-32 ms=1000000");
  spec.machine.disks.front().limits.operations = {.per_second = 1, .burst = 1};
  ASSERT_EQ(Start(std::move(spec)), absl::OkStatus());
  Await([&] { return machine_->stats().devices.disks.at(0).counters.throttled != 0; });
  ASSERT_EQ(machine_->Pause(), absl::OkStatus());
  const uint64_t operations = Operations();
  EXPECT_EQ(machine_->machine().UpdateDisk(0, virtio::RateLimits()), absl::OkStatus());
  Sleep();
  EXPECT_EQ(Operations(), operations);
  ASSERT_EQ(machine_->Resume(), absl::OkStatus());
  // More than the old limits allow in the time of a test.
  Await([&] { return Operations() > operations + 1000; });
}

TEST_P(PausedDiskTest, AtWorkOneCanBeKilledWhilePaused) {
  ASSERT_EQ(Start(BusyDisk("cases=randwrite-4k-32 ms=1000000")), absl::OkStatus());
  Await([&] { return Operations() != 0; });
  ASSERT_EQ(machine_->Pause(), absl::OkStatus());
  machine_->Kill("enough");
  machine_->WhenEnded().wait(io_.waitScope);
  EXPECT_EQ(machine_->exit_status().reason, vmm::ExitReason::kKilled);
}

}  // namespace
}  // namespace mayfly::api
