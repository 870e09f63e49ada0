#include "api/cli/memory_option.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

MemoryOption Parse(std::string_view text) {
  MemoryOption memory;
  const absl::Status status = ParseMemoryOption(text, memory);
  EXPECT_TRUE(status.ok()) << status;
  return memory;
}

std::string ErrorOf(std::string_view text) {
  MemoryOption memory;
  const absl::Status status = ParseMemoryOption(text, memory);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(status.message()), StartsWith("--memory: ")) << text;
  return std::string(status.message());
}

TEST(MemoryOption, ASizeAloneHasTheHostsPages) {
  const MemoryOption memory = Parse("64M");
  EXPECT_EQ(memory.bytes, uint64_t{64} << 20);
  EXPECT_EQ(memory.options.pages, GuestMemory::Pages::kDefault);
  EXPECT_EQ(memory.options.backing, GuestMemory::Backing::kAnonymous);
}

TEST(MemoryOption, UnderstandsAllPages) {
  EXPECT_EQ(Parse("1G,pages=small").options.pages, GuestMemory::Pages::kDefault);
  EXPECT_EQ(Parse("1G,pages=transparent").options.pages, GuestMemory::Pages::kTransparentHuge);
  const MemoryOption reserved = Parse("1G,pages=reserved");
  EXPECT_EQ(reserved.options.pages, GuestMemory::Pages::kHugeTlb);
  EXPECT_EQ(reserved.options.backing, GuestMemory::Backing::kMemfd);
}

TEST(MemoryOption, ASizeAloneLeavesThePages) {
  MemoryOption memory = Parse("1G,pages=reserved");
  ASSERT_TRUE(ParseMemoryOption("2G", memory).ok());
  EXPECT_EQ(memory.bytes, uint64_t{2} << 30);
  EXPECT_EQ(memory.options.pages, GuestMemory::Pages::kHugeTlb);
}

TEST(MemoryOption, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf("lots"), HasSubstr("lots"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("--memory"));
  EXPECT_THAT(ErrorOf("1G,pages=huge"), HasSubstr("transparent"));
  EXPECT_THAT(ErrorOf("1G,pages"), HasSubstr("pages=transparent"));
  EXPECT_THAT(ErrorOf("1G,"), HasSubstr("pages=transparent"));
}

}  // namespace
}  // namespace mayfly::cli
