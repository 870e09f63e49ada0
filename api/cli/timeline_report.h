#pragma once

#include <string>
#include <vector>

#include "base/timeline.h"

namespace mayfly::cli {

// A step that has happened, relative to the first.
struct TimelineRow {
  TimelineStep step;
  Nanoseconds since_first;
  Nanoseconds since_previous;
};

// In order of time.
[[nodiscard]] std::vector<TimelineRow> TimelineRows(const Timeline& timeline);
// A table for people: microseconds since the request, and since the step before.
[[nodiscard]] std::string FormatTimelineTable(const std::vector<TimelineRow>& rows);
// A drawing of the same, as an SVG document.
[[nodiscard]] std::string DrawTimeline(const std::vector<TimelineRow>& rows);

}  // namespace mayfly::cli
