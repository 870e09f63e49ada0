#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/devices/boot_mark.h"
#include "vmm/devices/exit_port.h"
#include "vmm/devices/i8042.h"
#include "vmm/devices/panic_port.h"
#include "vmm/devices/sleep_control.h"

namespace mayfly::vmm {
namespace {

class Exits final : public ExitSink {
 public:
  void Exit(ExitStatus status) override { last = std::move(status); }
  [[nodiscard]] std::optional<ExitReason> reason() const {
    if (!last) return std::nullopt;
    return last->reason;
  }
  std::optional<ExitStatus> last;
};

void Out(IoHandler& device, uint64_t offset, uint8_t value) {
  const std::byte byte{value};
  device.Write(offset, std::span(&byte, 1));
}

uint8_t In(IoHandler& device, uint64_t offset) {
  std::byte value{0xaa};
  device.Read(offset, std::span(&value, 1));
  return std::to_integer<uint8_t>(value);
}

class ExitDevicesTest : public ::testing::Test {
 protected:
  Exits exits_;
};

TEST_F(ExitDevicesTest, TheExitPortTakesAnyByteForAStatus) {
  ExitPort port(exits_);
  Out(port, 0, 0);
  ASSERT_EQ(exits_.reason(), ExitReason::kStatus);
  EXPECT_EQ(exits_.last->status, 0);
  Out(port, 0, 255);
  EXPECT_EQ(exits_.last->status, 255);
}

TEST_F(ExitDevicesTest, OnlyTheResetCommandResets) {
  I8042 i8042(exits_);
  Out(i8042, 0, 0xd1);
  EXPECT_EQ(exits_.reason(), std::nullopt);
  EXPECT_EQ(In(i8042, 0), 0) << "a kernel about to reset waits for this";
  Out(i8042, 0, 0xfe);
  EXPECT_EQ(exits_.reason(), ExitReason::kReset);
}

TEST_F(ExitDevicesTest, OnlyAPanicIsAPanic) {
  PanicPort port(exits_);
  EXPECT_EQ(In(port, 0), 1) << "the events that the host understands";
  Out(port, 0, 2);
  EXPECT_EQ(exits_.reason(), std::nullopt);
  Out(port, 0, 1);
  EXPECT_EQ(exits_.reason(), ExitReason::kGuestPanic);
}

TEST_F(ExitDevicesTest, OnlyS5WithItsEnableBitPowersOff) {
  SleepControl sleep(exits_);
  Out(sleep, 0, 5 << 2);
  Out(sleep, 0, 0x20 | 3 << 2);
  Out(sleep, 1, 0x20 | 5 << 2);
  EXPECT_EQ(exits_.reason(), std::nullopt);
  EXPECT_EQ(In(sleep, 1), 0);
  Out(sleep, 0, 0x20 | 5 << 2);
  EXPECT_EQ(exits_.reason(), ExitReason::kPowerOff);
}

TEST(BootMarkTest, TwoValuesAreSteps) {
  Timeline timeline;
  BootMark mark(timeline);
  Out(mark, 0, 0);
  Out(mark, 0, 0x42);
  EXPECT_EQ(timeline.At(TimelineStep::kKernelEntered), std::nullopt);
  EXPECT_EQ(timeline.At(TimelineStep::kUserspaceReached), std::nullopt);
  Out(mark, 0, 0x40);
  EXPECT_TRUE(timeline.At(TimelineStep::kKernelEntered).has_value());
  EXPECT_EQ(timeline.At(TimelineStep::kUserspaceReached), std::nullopt);
  Out(mark, 0, 0x41);
  EXPECT_TRUE(timeline.At(TimelineStep::kUserspaceReached).has_value());
}

}  // namespace
}  // namespace mayfly::vmm
