#include "api/cli/escape_filter.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using Verdict = EscapeFilter::Verdict;

class EscapeFilterTest : public ::testing::Test {
 protected:
  Verdict Type(std::string_view keys) {
    std::vector<std::byte> out;
    const Verdict verdict = filter_.Filter(std::as_bytes(std::span(keys)), out);
    for (const std::byte key : out) guest_.push_back(static_cast<char>(key));
    return verdict;
  }

  EscapeFilter filter_;
  std::string guest_;
};

TEST_F(EscapeFilterTest, PassesKeysOn) {
  EXPECT_EQ(Type("quit ~.\x03\r"), Verdict::kGoOn);
  EXPECT_EQ(guest_, "quit ~.\x03\r");
}

TEST_F(EscapeFilterTest, QuitsAndDropsTheRest) {
  EXPECT_EQ(Type("ls\x1dqrm"), Verdict::kQuit);
  EXPECT_EQ(guest_, "ls");
}

TEST_F(EscapeFilterTest, RemembersTheEscapeBetweenReads) {
  EXPECT_EQ(Type("\x1d"), Verdict::kGoOn);
  EXPECT_EQ(guest_, "");
  EXPECT_EQ(Type("q"), Verdict::kQuit);
}

TEST_F(EscapeFilterTest, TwiceIsOnceForTheGuest) {
  EXPECT_EQ(Type("\x1d\x1d"), Verdict::kGoOn);
  EXPECT_EQ(guest_, "\x1d");
  EXPECT_EQ(Type("q"), Verdict::kGoOn) << "the second one escapes nothing";
}

TEST_F(EscapeFilterTest, OtherKeysKeepTheirEscape) {
  EXPECT_EQ(Type("\x1dz"), Verdict::kGoOn);
  EXPECT_EQ(guest_, "\x1dz");
}

}  // namespace
}  // namespace mayfly::cli
