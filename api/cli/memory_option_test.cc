#include "api/cli/memory_option.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ErrorOf(std::string_view text) {
  const auto memory = ParseMemoryOption(text);
  EXPECT_EQ(memory.status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(memory.status().message()), StartsWith("--memory: ")) << text;
  return std::string(memory.status().message());
}

TEST(MemoryOption, ASizeAloneHasTheHostsPages) {
  const MemoryOption memory = ParseMemoryOption("64M").value();
  EXPECT_EQ(memory.bytes, uint64_t{64} << 20);
  EXPECT_EQ(memory.options.pages, GuestMemory::Pages::kDefault);
  EXPECT_EQ(memory.options.backing, GuestMemory::Backing::kAnonymous);
}

TEST(MemoryOption, UnderstandsAllPages) {
  EXPECT_EQ(ParseMemoryOption("1G,pages=small")->options.pages, GuestMemory::Pages::kDefault);
  EXPECT_EQ(ParseMemoryOption("1G,pages=transparent")->options.pages,
            GuestMemory::Pages::kTransparentHuge);
  const MemoryOption reserved = ParseMemoryOption("1G,pages=reserved").value();
  EXPECT_EQ(reserved.options.pages, GuestMemory::Pages::kHugeTlb);
  EXPECT_EQ(reserved.options.backing, GuestMemory::Backing::kMemfd);
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
