#include "api/cli/timeline_report.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

using Microseconds = std::chrono::duration<double, std::micro>;

// The drawing, in pixels: names on the left, bars in the middle, numbers behind the bars.
constexpr double kRowHeight = 22;
constexpr double kBarHeight = 14;
constexpr double kNameWidth = 170;
constexpr double kBarsWidth = 560;
constexpr double kNumbersWidth = 190;
constexpr double kMargin = 12;
constexpr double kTitleHeight = 34;
// A step that took no time to speak of is still seen.
constexpr double kMinBar = 1.5;

[[nodiscard]] std::string DrawRow(const TimelineRow& row, double top, double pixels_per_us) {
  const double since = Microseconds(row.since_first).count();
  const double took = Microseconds(row.since_previous).count();
  const double left = kMargin + kNameWidth + (since - took) * pixels_per_us;
  const double width = std::max(kMinBar, took * pixels_per_us);
  const double baseline = top + kBarHeight - 2;
  return absl::StrFormat(
      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n"
      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\" fill=\"#3b7dd8\"/>\n"
      "<text x=\"%.1f\" y=\"%.1f\" class=\"number\">%.0f µs (+%.0f)</text>\n",
      kMargin + kNameWidth - 8, baseline, ToAbsl(TimelineStepName(row.step)), left, top, width,
      kBarHeight, left + width + 6, baseline, since, took);
}

}  // namespace

std::vector<TimelineRow> TimelineRows(const Timeline& timeline) {
  std::vector<std::pair<Nanoseconds, TimelineStep>> happened;
  for (size_t index = 0; index < kTimelineSteps; ++index) {
    const auto step = static_cast<TimelineStep>(index);
    if (const auto when = timeline.At(step)) happened.emplace_back(*when, step);
  }
  std::ranges::sort(happened);
  std::vector<TimelineRow> rows;
  rows.reserve(happened.size());
  for (const auto& [when, step] : happened) {
    const Nanoseconds since_first = when - happened.front().first;
    const Nanoseconds previous = rows.empty() ? Nanoseconds(0) : rows.back().since_first;
    rows.push_back({step, since_first, since_first - previous});
  }
  return rows;
}

std::string FormatTimelineTable(const std::vector<TimelineRow>& rows) {
  std::string table = absl::StrFormat("%-20s %12s %12s\n", "step", "at µs", "took µs");
  for (const TimelineRow& row : rows) {
    absl::StrAppendFormat(&table, "%-20s %11.0f %11.0f\n", ToAbsl(TimelineStepName(row.step)),
                          Microseconds(row.since_first).count(),
                          Microseconds(row.since_previous).count());
  }
  return table;
}

std::string DrawTimeline(const std::vector<TimelineRow>& rows) {
  const double total = rows.empty() ? 0 : Microseconds(rows.back().since_first).count();
  const double pixels_per_us = total > 0 ? kBarsWidth / total : 0;
  const double width = 2 * kMargin + kNameWidth + kBarsWidth + kNumbersWidth;
  const double height = 2 * kMargin + kTitleHeight + kRowHeight * static_cast<double>(rows.size());
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f "
      "%.0f\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<style>.number{fill:#666}</style>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
      "<text x=\"%.1f\" y=\"%.1f\" font-size=\"15\">A VM's life: %.0f µs</text>\n",
      width, height, width, height, kMargin, kMargin + 14, total);
  double top = kMargin + kTitleHeight;
  for (const TimelineRow& row : rows) {
    svg += DrawRow(row, top, pixels_per_us);
    top += kRowHeight;
  }
  svg += "</svg>\n";
  return svg;
}

}  // namespace mayfly::cli
