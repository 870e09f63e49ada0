#include "api/cli/timeline_report.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

// The steps come in an order of their own: a mark before the first console byte, here.
void Fill(Timeline& timeline) {
  timeline.Record(TimelineStep::kRequested, 1000us);
  timeline.Record(TimelineStep::kFirstConsoleByte, 3000us);
  timeline.Record(TimelineStep::kFirstRun, 2500us);
  timeline.Record(TimelineStep::kExited, 3400us);
}

TEST(TimelineReport, RowsAreInOrderOfTime) {
  Timeline timeline;
  Fill(timeline);
  const auto rows = TimelineRows(timeline);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].step, TimelineStep::kRequested);
  EXPECT_EQ(rows[0].since_first, 0us);
  EXPECT_EQ(rows[1].step, TimelineStep::kFirstRun);
  EXPECT_EQ(rows[1].since_previous, 1500us);
  EXPECT_EQ(rows[3].since_first, 2400us);
  EXPECT_EQ(rows[3].since_previous, 400us);
}

TEST(TimelineReport, TableHasOneLineAStep) {
  Timeline timeline;
  Fill(timeline);
  const std::string table = FormatTimelineTable(TimelineRows(timeline));
  EXPECT_THAT(table, HasSubstr("first run                   1500        1500\n"));
  EXPECT_THAT(table, HasSubstr("exited                      2400         400\n"));
  EXPECT_THAT(table, Not(HasSubstr("first kick")));
}

TEST(TimelineReport, DrawingHasOneBarAStepAndStaysInside) {
  Timeline timeline;
  Fill(timeline);
  const std::string svg = DrawTimeline(TimelineRows(timeline));
  EXPECT_THAT(svg, HasSubstr("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_THAT(svg, HasSubstr(">first console byte</text>"));
  EXPECT_THAT(svg, HasSubstr("2400 µs (+400)"));
  size_t bars = 0;
  for (size_t at = 0; (at = svg.find("rx=\"2\"", at)) != std::string::npos; ++at) ++bars;
  EXPECT_EQ(bars, 4U);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(TimelineReport, NothingHappenedIsNothingDrawn) {
  const Timeline timeline;
  EXPECT_TRUE(TimelineRows(timeline).empty());
  EXPECT_THAT(DrawTimeline({}), HasSubstr("0 µs</text>"));
}

}  // namespace
}  // namespace mayfly::cli
