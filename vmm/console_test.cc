#include "vmm/console.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::vmm {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

class ConsoleTest : public ::testing::Test {
 protected:
  void Print(std::string_view text) const {
    for (const std::byte byte : BytesOf(text)) console_->PutOutput(byte);
  }
  [[nodiscard]] std::string Read(size_t most) const {
    std::string text(most, '\0');
    const auto output = console_->ReadOutput(std::as_writable_bytes(std::span(text)));
    text.resize(output.bytes);
    return text;
  }

  std::unique_ptr<Console> console_ = *Console::Create();
};

TEST_F(ConsoleTest, OutputComesInOrder) {
  Print("hello");
  EXPECT_EQ(Read(2), "he");
  Print("!");
  EXPECT_EQ(Read(100), "llo!");
  EXPECT_EQ(Read(100), "");
}

TEST_F(ConsoleTest, TheReaderIsWokenOnceUntilItHasSeenAll) {
  Print("a");
  EXPECT_TRUE(console_->output_ready().Drain());
  Print("bc");
  EXPECT_FALSE(console_->output_ready().Drain());
  EXPECT_EQ(Read(2), "ab");
  Print("d");
  EXPECT_FALSE(console_->output_ready().Drain()) << "the last read was full, more may be there";
  EXPECT_EQ(Read(10), "cd");
  Print("e");
  EXPECT_TRUE(console_->output_ready().Drain());
}

TEST_F(ConsoleTest, CountsWhatTheGuestWrites) {
  Print("hello");
  EXPECT_EQ(Read(2), "he");
  EXPECT_EQ(console_->output_bytes(), 5U);
}

TEST_F(ConsoleTest, TheOldestOutputGivesWayAndIsCounted) {
  Print("lost");
  Print(std::string(Console::kOutputCapacity - 1, 'x'));
  Print("z");
  std::string text(2 * Console::kOutputCapacity, '\0');
  auto output = console_->ReadOutput(std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(output.bytes, Console::kOutputCapacity);
  EXPECT_EQ(output.dropped, 4);
  EXPECT_EQ(text[0], 'x');
  EXPECT_EQ(text[output.bytes - 1], 'z');
  Print("y");
  output = console_->ReadOutput(std::as_writable_bytes(std::span(text)));
  EXPECT_EQ(output.dropped, 0);
}

TEST_F(ConsoleTest, InputIsBoundedAndTheWriterHearsOfRoom) {
  const std::string much(Console::kInputCapacity + 1, 'i');
  EXPECT_EQ(console_->WriteInput(BytesOf(much)), Console::kInputCapacity);
  EXPECT_EQ(console_->WriteInput(BytesOf("more")), 0);
  EXPECT_TRUE(console_->TakeInput().has_value());
  EXPECT_FALSE(console_->input_room().Drain()) << "a byte of room is not worth a wake-up";
  for (size_t i = 0; i < Console::kInputCapacity / 2; ++i) EXPECT_TRUE(console_->TakeInput());
  EXPECT_TRUE(console_->input_room().Drain());
}

TEST_F(ConsoleTest, TheListenerHearsOfInputThatFitted) {
  int heard = 0;
  console_->SetInputListener([&] { ++heard; });
  EXPECT_EQ(console_->WriteInput({}), 0);
  EXPECT_EQ(heard, 0);
  EXPECT_EQ(console_->WriteInput(BytesOf("ab")), 2);
  EXPECT_EQ(heard, 1);
  EXPECT_TRUE(console_->has_input());
  EXPECT_EQ(console_->TakeInput(), std::byte{'a'});
  EXPECT_EQ(console_->TakeInput(), std::byte{'b'});
  EXPECT_EQ(console_->TakeInput(), std::nullopt);
  EXPECT_FALSE(console_->has_input());
}

TEST(ByteRingTest, WrapsAround) {
  ByteRing ring(4);
  EXPECT_EQ(ring.Push(BytesOf("abc")), 3);
  std::string two(2, '\0');
  EXPECT_EQ(ring.Pop(std::as_writable_bytes(std::span(two))), 2);
  EXPECT_EQ(ring.Push(BytesOf("defg")), 3);
  EXPECT_TRUE(ring.full());
  std::string all(8, '\0');
  all.resize(ring.Pop(std::as_writable_bytes(std::span(all))));
  EXPECT_EQ(all, "cdef");
  EXPECT_TRUE(ring.empty());
}

}  // namespace
}  // namespace mayfly::vmm
