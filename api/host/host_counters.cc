#include "api/host/host_counters.h"

#include <numeric>
#include <optional>

namespace mayfly::api {

uint64_t HostCounters::AllFailures() const {
  return std::accumulate(failures.begin(), failures.end(), uint64_t{0});
}

void HostCounters::CountSteps(const Timeline& timeline, Nanoseconds now, StepSet& counted) {
  const std::optional<Nanoseconds> requested = timeline.At(TimelineStep::kRequested);
  // No later than what follows, and no less than 0: then no difference overflows.
  if (!requested || *requested < Nanoseconds::zero()) return;
  for (size_t step = 1; step < kTimelineSteps; ++step) {
    const auto when = timeline.At(static_cast<TimelineStep>(step));
    if (!when || *when < *requested || *when > now || counted[step]) continue;
    steps.at(step).Add(*when - *requested);
    counted.set(step);
  }
}

}  // namespace mayfly::api
