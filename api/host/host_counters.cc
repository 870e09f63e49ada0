#include "api/host/host_counters.h"

#include <optional>

namespace mayfly::api {

void HostCounters::CountSteps(const Timeline& timeline) {
  const std::optional<Nanoseconds> requested = timeline.At(TimelineStep::kRequested);
  if (!requested) return;
  for (size_t step = 1; step < kTimelineSteps; ++step) {
    const auto when = timeline.At(static_cast<TimelineStep>(step));
    if (when) steps.at(step).Add(*when - *requested);
  }
}

}  // namespace mayfly::api
