#include "base/timeline.h"

#include <set>
#include <string_view>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

TEST(Timeline, TheFirstRecordCounts) {
  Timeline timeline;
  EXPECT_EQ(timeline.At(TimelineStep::kFirstRun), std::nullopt);
  timeline.Record(TimelineStep::kFirstRun, Nanoseconds(5));
  timeline.Record(TimelineStep::kFirstRun, Nanoseconds(7));
  EXPECT_EQ(timeline.At(TimelineStep::kFirstRun), Nanoseconds(5));
  EXPECT_EQ(timeline.At(TimelineStep::kExited), std::nullopt);
}

TEST(Timeline, RecordsNowInOrder) {
  Timeline timeline;
  timeline.Record(TimelineStep::kVmCreated);
  timeline.Record(TimelineStep::kExited);
  EXPECT_LE(timeline.At(TimelineStep::kVmCreated), timeline.At(TimelineStep::kExited));
}

TEST(Timeline, EveryStepHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kTimelineSteps; ++i) {
    names.insert(TimelineStepName(static_cast<TimelineStep>(i)));
  }
  EXPECT_EQ(names.size(), kTimelineSteps);
  EXPECT_FALSE(names.contains(""));
}

}  // namespace
}  // namespace mayfly
