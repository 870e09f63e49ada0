#include "api/cli/units.h"

#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using namespace std::chrono_literals;

TEST(ParseSize, UnderstandsUnitsOfEveryCase) {
  EXPECT_EQ(ParseSize("4096").value(), 4096U);
  EXPECT_EQ(ParseSize("64k").value(), uint64_t{64} << 10);
  EXPECT_EQ(ParseSize("64M").value(), uint64_t{64} << 20);
  EXPECT_EQ(ParseSize("512MiB").value(), uint64_t{512} << 20);
  EXPECT_EQ(ParseSize("512mb").value(), uint64_t{512} << 20);
  EXPECT_EQ(ParseSize("1G").value(), uint64_t{1} << 30);
  EXPECT_EQ(ParseSize("1.5g").value(), uint64_t{3} << 29);
  EXPECT_EQ(ParseSize("2TiB").value(), uint64_t{2} << 40);
  EXPECT_EQ(ParseSize("0").value(), 0U);
}

TEST(ParseSize, WholeNumbersAreExact) {
  EXPECT_EQ(ParseSize("9007199254740993").value(), 9007199254740993U);
  EXPECT_EQ(ParseSize("8796093022209k").value(), uint64_t{8796093022209} << 10);
  EXPECT_EQ(ParseDuration("9007199254740993ns").value(), 9007199254740993ns);
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  for (const char* text : {"", "M", "-1", "+1", "64X", "64 M", "1e3", "0x40", "inf", "nan", ".5",
                           "99999999999999999999", "16777216T", "64M4"}) {
    EXPECT_EQ(ParseSize(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ParseDuration, UnderstandsUnits) {
  EXPECT_EQ(ParseDuration("10").value(), 10s);
  EXPECT_EQ(ParseDuration("500ms").value(), 500ms);
  EXPECT_EQ(ParseDuration("10s").value(), 10s);
  EXPECT_EQ(ParseDuration("1.5s").value(), 1500ms);
  EXPECT_EQ(ParseDuration("2m").value(), 2min);
  EXPECT_EQ(ParseDuration("1h").value(), 1h);
  EXPECT_EQ(ParseDuration("250us").value(), 250us);
  EXPECT_EQ(ParseDuration("7ns").value(), 7ns);
}

TEST(ParseDuration, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "s", "-1s", "10 s", "10d", "1e9h", "inf", "9999999999999999s"}) {
    EXPECT_EQ(ParseDuration(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(FormatSize, PicksTheLargestUnit) {
  EXPECT_EQ(FormatSize(512), "512 bytes");
  EXPECT_EQ(FormatSize(uint64_t{128} << 20), "128 MiB");
  EXPECT_EQ(FormatSize(uint64_t{3} << 29), "1.5 GiB");
}

}  // namespace
}  // namespace mayfly::cli
