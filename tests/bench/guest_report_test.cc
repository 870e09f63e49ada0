#include "tests/bench/guest_report.h"

#include "gtest/gtest.h"

namespace mayfly::bench {
namespace {

TEST(GuestReport, NamesAndValues) {
  const auto report = GuestReport::Parse("result randread-4k-1 iops=1234 kicks=997");
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->name, "randread-4k-1");
  EXPECT_EQ(report->At("iops"), 1234);
  EXPECT_EQ(report->At("kicks"), 997);
  EXPECT_EQ(report->At("interrupts"), 0);
}

TEST(GuestReport, OtherLinesAreNone) {
  for (const char* line : {"", "result", "begin randread-4k-1", "results a b=1", "result a b",
                           "result a b=", "result a b=1x", "result a b=-1"}) {
    EXPECT_FALSE(GuestReport::Parse(line).has_value()) << line;
  }
}

}  // namespace
}  // namespace mayfly::bench
