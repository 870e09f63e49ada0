#include "vmm/machine.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/devices/i8042.h"
#include "vmm/layout.h"
#include "vmm/testing/elf_builder.h"
#include "vmm/testing/guest_code.h"
#include "vmm/testing/memory_file.h"

// These run guests on the host's KVM. The programs are so short that it does not matter whether it
// is a fast one.
namespace mayfly::vmm {
namespace {

using ::testing::Contains;
using testing::ElfBuilder;
using ::testing::Field;
using testing::GuestCode;
using ::testing::HasSubstr;
using testing::MemoryFile;
using ::testing::Optional;
using ::testing::SizeIs;

// Far more than any of these guests takes: a hang should fail, not wait for the test's own end.
constexpr std::chrono::seconds kPatience{60};

class MachineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (OwnedFd(::open("/dev/kvm", O_RDWR | O_CLOEXEC)).valid()) return;
    GTEST_SKIP() << "needs /dev/kvm, which this user cannot open here: " << std::strerror(errno);
  }

  static MachineConfig Config(const GuestCode& code) {
    MachineConfig config;
    config.kvm = OwnedFd(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
    config.kernel = {.fd = MemoryFile(ElfBuilder::Kernel(code.bytes())), .name = "test-kernel"};
    config.cpu_profile = Profile(config.kvm.get());
    return config;
  }

  absl::Status Create(MachineConfig config) {
    auto machine = Machine::Create(std::move(config), timeline_, [this] {
      const std::scoped_lock lock(mutex_);
      ++exits_;
      ended_.notify_all();
    });
    if (!machine.ok()) return machine.status();
    machine_ = *std::move(machine);
    return absl::OkStatus();
  }

  absl::Status Launch(MachineConfig config) {
    MAYFLY_RETURN_IF_ERROR(Create(std::move(config)));
    return machine_->Start();
  }
  absl::Status Launch(const GuestCode& code) { return Launch(Config(code)); }

  // How the VM ended; nothing if it does not.
  std::optional<ExitStatus> Wait() {
    std::unique_lock lock(mutex_);
    ended_.wait_for(lock, kPatience, [this] { return exits_ != 0; });
    lock.unlock();
    return machine_->exit_status();
  }

  std::string Output() {
    std::string text(Console::kOutputCapacity, '\0');
    text.resize(machine_->console().ReadOutput(std::as_writable_bytes(std::span(text))).bytes);
    return text;
  }

  void WaitForOutput() const {
    pollfd ready{.fd = machine_->console().output_ready().fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())), 1);
  }

  static const CpuProfile& Profile(int kvm) {
    static const CpuProfile profile = *CpuProfile::Probe(kvm);
    return profile;
  }

  std::shared_ptr<Timeline> timeline_ = std::make_shared<Timeline>();
  std::mutex mutex_;
  std::condition_variable ended_;
  int exits_ = 0;
  std::unique_ptr<Machine> machine_;
};

TEST_F(MachineTest, PrintsAndEndsWithItsStatus) {
  ASSERT_EQ(Launch(GuestCode().Print("hello").Exit(42)), absl::OkStatus());
  const auto status = Wait();
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->reason, ExitReason::kStatus) << status->detail;
  EXPECT_EQ(status->status, 42);
  EXPECT_EQ(Output(), "hello");
}

TEST_F(MachineTest, WorksOutItsCpuProfileWhereNoneIsGiven) {
  MachineConfig config = Config(GuestCode().Exit(1));
  config.cpu_profile.reset();
  ASSERT_EQ(Launch(std::move(config)), absl::OkStatus());
  EXPECT_THAT(Wait(), Optional(Field(&ExitStatus::status, 1)));
}

TEST_F(MachineTest, TellsTheWaysOutApart) {
  struct Case {
    GuestCode code;
    ExitReason reason;
  };
  const uint8_t power_off = 0x20 | 5 << 2;  // SLP_EN, S5
  const Case cases[] = {
      {GuestCode().Out8(layout::kSleepControl, power_off).Halt(), ExitReason::kPowerOff},
      {GuestCode().Out8(layout::kI8042Command, I8042::kPulseResetCommand).Halt(),
       ExitReason::kReset},
      {GuestCode().TripleFault(), ExitReason::kTripleFault},
      {GuestCode().Out8(layout::kPanic, PanicPort::kPanicked).Halt(), ExitReason::kGuestPanic},
  };
  for (const Case& item : cases) {
    exits_ = 0;
    ASSERT_EQ(Launch(item.code), absl::OkStatus());
    const auto status = Wait();
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(status->reason, item.reason) << status->detail;
  }
}

TEST_F(MachineTest, ReportsTheRegistersOfACrash) {
  ASSERT_EQ(Launch(GuestCode().TripleFault()), absl::OkStatus());
  const auto status = Wait();
  ASSERT_TRUE(status.has_value());
  EXPECT_THAT(status->detail, HasSubstr("rip 0000000000101000"));
  EXPECT_THAT(status->detail, HasSubstr("code 0f 0b"));
}

TEST_F(MachineTest, AnInstructionThatKvmCannotRunEndsInAReport) {
  // Execution from where there is neither memory nor a device: KVM has no instruction to emulate.
  ASSERT_EQ(Launch(GuestCode().JumpTo(static_cast<uint32_t>(layout::kVirtioMmio))),
            absl::OkStatus());
  const auto status = Wait();
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->reason, ExitReason::kInternalError) << status->detail;
  EXPECT_THAT(status->detail, HasSubstr("rip 00000000d0000000"));
}

TEST_F(MachineTest, OnlyTheFirstEndCounts) {
  ASSERT_EQ(Launch(GuestCode().Out8(layout::kExit, 1).Out8(layout::kExit, 2).Halt()),
            absl::OkStatus());
  ASSERT_TRUE(Wait().has_value());
  machine_->End(ExitReason::kKilled, "late");
  EXPECT_THAT(machine_->exit_status(), Optional(Field(&ExitStatus::status, 1)));
  machine_.reset();
  EXPECT_EQ(exits_, 1);
}

TEST_F(MachineTest, EndsAGuestThatSpins) {
  ASSERT_EQ(Launch(GuestCode().Print("x").Spin()), absl::OkStatus());
  WaitForOutput();
  machine_->End(ExitReason::kTimeout, "too slow");
  EXPECT_THAT(Wait(), Optional(Field(&ExitStatus::reason, ExitReason::kTimeout)));
  machine_.reset();  // joins the thread: would hang if the guest could not be left
}

TEST_F(MachineTest, EndsAGuestThatSleeps) {
  ASSERT_EQ(Launch(GuestCode().Print("x").Halt()), absl::OkStatus());
  WaitForOutput();
  machine_.reset();
  EXPECT_EQ(exits_, 1);
}

TEST_F(MachineTest, CanBeEndedBeforeItStarts) {
  ASSERT_EQ(Create(Config(GuestCode().Exit(0))), absl::OkStatus());
  machine_->End(ExitReason::kKilled, "changed my mind");
  EXPECT_THAT(machine_->exit_status(), Optional(Field(&ExitStatus::reason, ExitReason::kKilled)));
  EXPECT_EQ(machine_->Start().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MachineTest, StartsOnce) {
  ASSERT_EQ(Launch(GuestCode().Spin()), absl::OkStatus());
  EXPECT_EQ(machine_->Start().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MachineTest, AFloodThatNobodyReadsStopsNobodyAndKeepsTheNewest) {
  GuestCode flood;
  flood.Print("old");
  flood.OutString(layout::kSerial, Console::kOutputCapacity, 'y').Print("new").Exit(0);
  ASSERT_EQ(Launch(flood), absl::OkStatus());
  ASSERT_TRUE(Wait().has_value());
  std::string text(2 * Console::kOutputCapacity, '\0');
  const auto output = machine_->console().ReadOutput(std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(output.bytes, Console::kOutputCapacity);
  EXPECT_EQ(output.dropped, 6);
  text.resize(output.bytes);
  EXPECT_THAT(text, ::testing::StartsWith("yyy"));
  EXPECT_THAT(text, ::testing::EndsWith("new"));
}

TEST_F(MachineTest, InputReachesTheGuest) {
  constexpr uint8_t kDataReady = 1;
  GuestCode echo;
  for (int i = 0; i < 2; ++i) {
    echo.WaitFor(layout::kSerial + 5, kDataReady).In8(layout::kSerial).OutAl(layout::kSerial);
  }
  ASSERT_EQ(Launch(echo.Exit(0)), absl::OkStatus());
  const std::string input = "hi";
  EXPECT_EQ(machine_->console().WriteInput(std::as_bytes(std::span(input))), input.size());
  ASSERT_TRUE(Wait().has_value());
  EXPECT_EQ(Output(), input);
}

TEST_F(MachineTest, UnclaimedPortsReadAsOnes) {
  ASSERT_EQ(Launch(GuestCode().In8(0x1234).ExitWithAl()), absl::OkStatus());
  EXPECT_THAT(Wait(), Optional(Field(&ExitStatus::status, 0xff)));
}

TEST_F(MachineTest, UnclaimedMemoryReadsAsOnes) {
  const auto nowhere = static_cast<uint32_t>(layout::kVirtioMmio);
  ASSERT_EQ(Launch(GuestCode().Store32(nowhere, 0).Load32(nowhere).ExitWithAl()), absl::OkStatus());
  EXPECT_THAT(Wait(), Optional(Field(&ExitStatus::status, 0xff)));
}

TEST_F(MachineTest, MarksAndStepsAreOnTheTimeline) {
  ASSERT_EQ(Launch(GuestCode()
                       .Out8(layout::kBootMark, BootMark::kKernelEntered)
                       .Out8(layout::kBootMark, BootMark::kUserspaceReached)
                       .Print("x")
                       .Exit(0)),
            absl::OkStatus());
  ASSERT_TRUE(Wait().has_value());
  const TimelineStep expected[] = {
      TimelineStep::kVmCreated,        TimelineStep::kVcpusReady,
      TimelineStep::kImageLoaded,      TimelineStep::kDevicesReady,
      TimelineStep::kFirstRun,         TimelineStep::kKernelEntered,
      TimelineStep::kUserspaceReached, TimelineStep::kFirstConsoleByte,
      TimelineStep::kExited,
  };
  Nanoseconds previous{0};
  for (const TimelineStep step : expected) {
    const auto at = timeline_->At(step);
    ASSERT_TRUE(at.has_value()) << TimelineStepName(step);
    EXPECT_GE(*at, previous) << TimelineStepName(step);
    previous = *at;
  }
}

TEST_F(MachineTest, EveryThreadIsPreparedBeforeTheGuestRuns) {
  std::mutex mutex;
  std::vector<ThreadRole> prepared;
  MachineConfig config = Config(GuestCode().Exit(0));
  config.cpus = 3;
  const std::vector<std::byte> image(size_t{1} << 20);
  config.disks.push_back({.image = {.fd = MemoryFile(image), .name = "disk.img"}, .serial = ""});
  config.thread_setup = [&](ThreadRole role) {
    // Long enough for a guest that does not wait to be seen.
    if (role != ThreadRole::kControl) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(timeline_->At(TimelineStep::kFirstRun).has_value());
    const std::scoped_lock lock(mutex);
    prepared.push_back(role);
    return absl::OkStatus();
  };
  ASSERT_EQ(Launch(std::move(config)), absl::OkStatus());
  ASSERT_TRUE(Wait().has_value());
  machine_.reset();
  ASSERT_THAT(prepared, SizeIs(5));
  EXPECT_EQ(prepared.back(), ThreadRole::kControl);
  EXPECT_THAT(prepared, Contains(ThreadRole::kVcpu).Times(3));
  EXPECT_THAT(prepared, Contains(ThreadRole::kIo).Times(1));
}

TEST_F(MachineTest, AThreadThatCannotBePreparedStopsTheStart) {
  for (const ThreadRole weak : {ThreadRole::kVcpu, ThreadRole::kControl}) {
    MachineConfig config = Config(GuestCode().Exit(0));
    config.thread_setup = [weak](ThreadRole role) {
      return role == weak ? absl::InternalError("no filter") : absl::OkStatus();
    };
    const absl::Status status = Launch(std::move(config));
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), HasSubstr("no filter"));
    EXPECT_FALSE(timeline_->At(TimelineStep::kFirstRun).has_value());
  }
}

TEST_F(MachineTest, ADiskIsOnTheBusAndOnTheCommandLine) {
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

TEST_F(MachineTest, NetworkDevicesComeBehindTheDisks) {
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

TEST_F(MachineTest, TakesAsManyDevicesOfAnyMixAsThereArePlaces) {
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

TEST_F(MachineTest, MacAddressesMadeByChanceDiffer) {
  MachineConfig config = Config(GuestCode().Exit(0));
  config.nets.resize(2);
  ASSERT_EQ(Create(std::move(config)), absl::OkStatus());
  const DeviceStats stats = machine_->device_stats();
  ASSERT_EQ(stats.nets.size(), 2U);
  EXPECT_TRUE(stats.nets[0].mac.IsStation()) << stats.nets[0].mac.ToString();
  EXPECT_NE(stats.nets[0].mac.bytes[0] & 0x02U, 0U) << "an address that belongs to somebody";
  EXPECT_NE(stats.nets[0].mac, stats.nets[1].mac);
}

TEST_F(MachineTest, DevicesCanBeChangedUntilTheEnd) {
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
}

TEST_F(MachineTest, AVmWithoutDevicesSaysSo) {
  ASSERT_EQ(Create(Config(GuestCode().Exit(0))), absl::OkStatus());
  EXPECT_EQ(machine_->UpdateDisk(0, {}).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(machine_->ResizeDisk(0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(machine_->device_stats().disks.empty());
}

TEST_F(MachineTest, RefusesWhatCannotBe) {
  struct Case {
    std::function<void(MachineConfig&)> spoil;
    const char* message;
  };
  const Case cases[] = {
      {[](MachineConfig& config) { config.cpus = 0; }, "at least 1"},
      {[](MachineConfig& config) { config.cpus = 100000; }, "ask for at most"},
      {[](MachineConfig& config) { config.memory_bytes = 0; }, "at least 8 MiB"},
      {[](MachineConfig& config) { config.memory_bytes = UINT64_MAX; }, "ask for less"},
      {[](MachineConfig& config) { config.memory_bytes = uint64_t{1} << 45; }, "the host's"},
      {[](MachineConfig& config) { config.memory_bytes = (8 << 20) + 1; }, "whole number of pages"},
      {[](MachineConfig& config) { config.kvm = OwnedFd(::open("/dev/null", O_RDWR)); },
       "not /dev/kvm"},
      {[](MachineConfig& config) { config.command_line.assign(3000, 'x'); }, "at most 2047"},
      {[](MachineConfig& config) {
         config.initrd = NamedFd{.fd = OwnedFd(::open("/", O_RDONLY)), .name = "root"};
       },
       "initrd \"root\": it is a directory"},
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

TEST_F(MachineTest, RunsWithTheSmallestAndWithSplitMemory) {
  for (const uint64_t bytes : {layout::kMinMemory, layout::kHole + 16 * layout::kMiB}) {
    exits_ = 0;
    MachineConfig config = Config(GuestCode().Exit(3));
    config.memory_bytes = bytes;
    ASSERT_EQ(Launch(std::move(config)), absl::OkStatus());
    EXPECT_THAT(Wait(), Optional(Field(&ExitStatus::status, 3)));
  }
}

TEST_F(MachineTest, RunsWithManyCpus) {
  MachineConfig config = Config(GuestCode().Exit(4));
  config.cpus = 64;
  ASSERT_EQ(Launch(std::move(config)), absl::OkStatus());
  EXPECT_THAT(Wait(), Optional(Field(&ExitStatus::status, 4)));
}

}  // namespace
}  // namespace mayfly::vmm
