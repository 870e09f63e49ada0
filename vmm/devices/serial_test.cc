#include "vmm/devices/serial.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::vmm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Registers and bits, spelled out once more: a test that shared the device's names would share its
// mistakes.
constexpr uint64_t kRbrThr = 0;
constexpr uint64_t kIer = 1;
constexpr uint64_t kIirFcr = 2;
constexpr uint64_t kLcr = 3;
constexpr uint64_t kMcr = 4;
constexpr uint64_t kLsr = 5;
constexpr uint64_t kMsr = 6;
constexpr uint64_t kScr = 7;

class SerialTest : public ::testing::Test {
 protected:
  uint8_t In(uint64_t reg) {
    std::byte value{};
    static_cast<IoHandler&>(serial_).Read(reg, std::span(&value, 1));
    return std::to_integer<uint8_t>(value);
  }
  void Out(uint64_t reg, uint8_t value) {
    const std::byte byte{value};
    static_cast<IoHandler&>(serial_).Write(reg, std::span(&byte, 1));
  }
  void Type(std::string_view text) {
    ASSERT_EQ(console_->WriteInput(std::as_bytes(std::span(text))), text.size());
    serial_.OnInput();
  }
  std::string Printed() {
    std::string text(100, '\0');
    text.resize(console_->ReadOutput(std::as_writable_bytes(std::span(text))).bytes);
    return text;
  }

  std::unique_ptr<Console> console_ = *Console::Create();
  Timeline timeline_;
  std::vector<IrqLevel> interrupts_;
  Serial serial_{*console_, timeline_, [this](IrqLevel level) { interrupts_.push_back(level); }};
};

TEST_F(SerialTest, TransmitsToTheConsole) {
  EXPECT_EQ(In(kLsr) & 0x60, 0x60);
  Out(kRbrThr, 'h');
  Out(kRbrThr, 'i');
  EXPECT_EQ(In(kLsr) & 0x60, 0x60);
  EXPECT_EQ(Printed(), "hi");
  EXPECT_TRUE(timeline_.At(TimelineStep::kFirstConsoleByte).has_value());
  EXPECT_THAT(interrupts_, IsEmpty());
}

TEST_F(SerialTest, ReceivesFromTheConsole) {
  EXPECT_EQ(In(kLsr) & 1, 0);
  EXPECT_EQ(In(kRbrThr), 0);
  Type("ok");
  EXPECT_EQ(In(kLsr) & 1, 1);
  EXPECT_EQ(In(kRbrThr), 'o');
  EXPECT_EQ(In(kRbrThr), 'k');
  EXPECT_EQ(In(kLsr) & 1, 0);
}

TEST_F(SerialTest, TheDivisorLatchHidesDataAndInterruptEnable) {
  Out(kIer, 0x01);
  Out(kLcr, 0x83);
  Out(kRbrThr, 0x01);
  Out(kIer, 0x02);
  EXPECT_EQ(In(kRbrThr), 0x01);
  EXPECT_EQ(In(kIer), 0x02);
  Out(kLcr, 0x03);
  EXPECT_EQ(In(kIer), 0x01);
  EXPECT_EQ(Printed(), "");
}

TEST_F(SerialTest, AReceivedByteInterruptsUntilItIsRead) {
  Out(kIer, 0x01);
  EXPECT_EQ(In(kIirFcr), 0x01);
  Type("a");
  EXPECT_EQ(In(kIirFcr), 0x04);
  EXPECT_EQ(In(kIirFcr), 0x04) << "reading the cause does not acknowledge it";
  EXPECT_EQ(In(kRbrThr), 'a');
  EXPECT_EQ(In(kIirFcr), 0x01);
  EXPECT_THAT(interrupts_, ElementsAre(IrqLevel::kHigh, IrqLevel::kLow));
}

TEST_F(SerialTest, InputThatWaitedInterruptsWhenEnabled) {
  Type("a");
  EXPECT_THAT(interrupts_, IsEmpty());
  Out(kIer, 0x01);
  EXPECT_THAT(interrupts_, ElementsAre(IrqLevel::kHigh));
}

TEST_F(SerialTest, AnEmptyTransmitterInterruptsOnceForEachCause) {
  Out(kIer, 0x02);
  EXPECT_THAT(interrupts_, ElementsAre(IrqLevel::kHigh)) << "enabled while empty";
  EXPECT_EQ(In(kIirFcr), 0x02);
  EXPECT_EQ(In(kIirFcr), 0x01) << "reading the cause acknowledges it";
  EXPECT_THAT(interrupts_, ElementsAre(IrqLevel::kHigh, IrqLevel::kLow));
  Out(kRbrThr, 'x');
  EXPECT_THAT(interrupts_, ElementsAre(IrqLevel::kHigh, IrqLevel::kLow, IrqLevel::kHigh));
  Out(kIer, 0x02);
  EXPECT_EQ(In(kIirFcr), 0x02);
  Out(kIer, 0x00);
  Out(kIer, 0x02);
  EXPECT_EQ(In(kIirFcr), 0x02) << "drivers probe for this";
}

TEST_F(SerialTest, ReceivedGoesBeforeTransmitterEmpty) {
  Out(kIer, 0x03);
  Type("a");
  EXPECT_EQ(In(kIirFcr), 0x04);
  EXPECT_EQ(In(kRbrThr), 'a');
  EXPECT_EQ(In(kIirFcr), 0x02);
  EXPECT_EQ(In(kIirFcr), 0x01);
}

TEST_F(SerialTest, FifosShowInTheIdentity) {
  Out(kIirFcr, 0x01);
  EXPECT_EQ(In(kIirFcr), 0xc1);
  Out(kIirFcr, 0x00);
  EXPECT_EQ(In(kIirFcr), 0x01);
}

TEST_F(SerialTest, ClearingTheFifoKeepsWhatTheHostHasQueued) {
  Type("a");
  Out(kIirFcr, 0x07);
  EXPECT_EQ(In(kRbrThr), 'a');
}

TEST_F(SerialTest, WhatADriverReadsBlindlyWhileItSetsThePortUpComesAgain) {
  constexpr uint8_t kClearFifos = 0x07;
  Type("abcdef");
  Out(kIirFcr, kClearFifos);
  EXPECT_EQ(In(kRbrThr), 'a');
  Out(kIirFcr, kClearFifos);
  EXPECT_EQ(In(kRbrThr), 'b');
  EXPECT_EQ(In(kRbrThr), 'c');
  Out(kIer, 0x01);
  for (const char expected : std::string("abcdef")) {
    EXPECT_EQ(In(kLsr) & 1, 1);
    EXPECT_EQ(In(kRbrThr), expected);
  }
  EXPECT_EQ(In(kLsr) & 1, 0);
}

TEST_F(SerialTest, AGuestThatPollsGetsEachByteOnce) {
  Out(kIirFcr, 0x07);
  const std::string text = "more than what is set aside";
  Type(text);
  std::string got;
  while ((In(kLsr) & 1) != 0) got += static_cast<char>(In(kRbrThr));
  EXPECT_EQ(got, text);
  Out(kIer, 0x01);
  EXPECT_EQ(In(kLsr) & 1, 0);
}

TEST_F(SerialTest, LoopbackConnectsOutputsToInputs) {
  Out(kMcr, 0x10);
  EXPECT_EQ(In(kMsr), 0x00);
  Out(kMcr, 0x1f);
  EXPECT_EQ(In(kMsr), 0xf0);
  Out(kMcr, 0x1a);
  EXPECT_EQ(In(kMsr), 0x90) << "what Linux' driver looks for";
  Type("host");
  EXPECT_EQ(In(kLsr) & 1, 0);
  Out(kRbrThr, 'l');
  EXPECT_EQ(In(kLsr) & 1, 1);
  EXPECT_EQ(In(kRbrThr), 'l');
  EXPECT_EQ(Printed(), "");
  Out(kMcr, 0x0b);
  EXPECT_EQ(In(kMsr), 0xb0);
  EXPECT_EQ(In(kRbrThr), 'h');
}

TEST_F(SerialTest, LoopbackIsBounded) {
  Out(kMcr, 0x10);
  for (int i = 0; i < 1000; ++i) Out(kRbrThr, static_cast<uint8_t>(i));
  for (int i = 0; i < 16; ++i) EXPECT_EQ(In(kRbrThr), i);
  EXPECT_EQ(In(kLsr) & 1, 0);
}

TEST_F(SerialTest, ScratchAndReservedBits) {
  Out(kScr, 0x5a);
  EXPECT_EQ(In(kScr), 0x5a);
  Out(kIer, 0xff);
  EXPECT_EQ(In(kIer), 0x0f);
  Out(kMcr, 0xff);
  EXPECT_EQ(In(kMcr), 0x1f);
  Out(kLsr, 0xff);
  Out(kMsr, 0x00);
  EXPECT_EQ(In(kLsr), 0x60);
}

TEST_F(SerialTest, AWideAccessIsOneToEachRegister) {
  const std::array data = {std::byte{'w'}, std::byte{0x05}};
  static_cast<IoHandler&>(serial_).Write(kRbrThr, data);
  EXPECT_EQ(Printed(), "w");
  EXPECT_EQ(In(kIer), 0x05);
}

}  // namespace
}  // namespace mayfly::vmm
