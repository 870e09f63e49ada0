#include "vmm/machine.h"

#include <fcntl.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/devices/i8042.h"
#include "vmm/layout.h"
#include "vmm/testing/guest_code.h"
#include "vmm/testing/machine_fixture.h"
#include "vmm/testing/memory_file.h"

namespace mayfly::vmm {
namespace {

using ::testing::Contains;
using ::testing::Field;
using testing::GuestCode;
using ::testing::HasSubstr;
using testing::MemoryFile;
using ::testing::Optional;
using ::testing::SizeIs;
using MachineTest = testing::MachineFixture;

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
    EXPECT_EQ(machine_->state(), MachineState::kEnded);
    EXPECT_EQ(machine_->Pause().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_FALSE(timeline_->At(TimelineStep::kFirstRun).has_value());
  }
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
