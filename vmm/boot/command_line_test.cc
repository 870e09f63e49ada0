#include "vmm/boot/command_line.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

using ::testing::HasSubstr;

TEST(AppendKernelWordsTest, GoBeforeTheInitProcessArguments) {
  EXPECT_EQ(AppendKernelWords("quiet", "a=1"), "quiet a=1");
  EXPECT_EQ(AppendKernelWords("", "a=1"), "a=1");
  EXPECT_EQ(AppendKernelWords("quiet ", "a=1"), "quiet a=1");
  EXPECT_EQ(AppendKernelWords("quiet -- sh -c", "a=1"), "quiet a=1 -- sh -c");
  EXPECT_EQ(AppendKernelWords("-- sh", "a=1"), "a=1 -- sh");
  EXPECT_EQ(AppendKernelWords("quiet --", "a=1"), "quiet a=1 --");
}

TEST(AppendKernelWordsTest, OnlyALoneSeparatorSeparates) {
  EXPECT_EQ(AppendKernelWords("x=--y --z", "a=1"), "x=--y --z a=1");
  EXPECT_EQ(AppendKernelWords("x=\"a -- b\" c", "a=1"), "x=\"a -- b\" c a=1");
  EXPECT_EQ(AppendKernelWords("x=\"a -- b\" -- c", "a=1"), "x=\"a -- b\" a=1 -- c");
}

TEST(AppendKernelWordsTest, NothingToAppendChangesNothing) {
  EXPECT_EQ(AppendKernelWords("quiet ", ""), "quiet ");
}

class WriteCommandLineTest : public ::testing::Test {
 protected:
  static constexpr GuestRange kRange{.address = 0, .size = layout::kMinMemory};
  GuestMemory memory_ = *GuestMemory::Create(std::span(&kRange, 1), {});
};

TEST_F(WriteCommandLineTest, EndsInANul) {
  ASSERT_TRUE(memory_.Fill(layout::kCommandLine, 100, std::byte{0xff}).ok());
  const auto range = WriteCommandLine(memory_, "quiet", 5);
  ASSERT_TRUE(range.ok()) << range.status();
  EXPECT_EQ(*range, (GuestRange{.address = layout::kCommandLine, .size = 6}));
  const auto bytes = *memory_.Span(layout::kCommandLine, 6);
  EXPECT_EQ(bytes[4], std::byte{'t'});
  EXPECT_EQ(bytes[5], std::byte{0});
}

TEST_F(WriteCommandLineTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT(std::string(WriteCommandLine(memory_, "quiet!", 5).status().message()),
              HasSubstr("at most 5: shorten it"));
  const std::string huge(layout::kMinMemory, 'x');
  EXPECT_FALSE(WriteCommandLine(memory_, huge, UINT64_MAX).ok());
}

TEST_F(WriteCommandLineTest, RefusesNuls) {
  EXPECT_THAT(
      std::string(WriteCommandLine(memory_, std::string_view("a\0b", 3), 5).status().message()),
      HasSubstr("NUL"));
}

}  // namespace
}  // namespace mayfly::vmm
