#include "base/timeline.h"

namespace mayfly {

std::string_view TimelineStepName(TimelineStep step) {
  static constexpr std::array<std::string_view, kTimelineSteps> kNames = {
      "requested",  "spawned",        "vmm entered",       "spec received",
      "vm created", "image loaded",   "vcpus ready",       "devices ready",
      "first run",  "kernel entered", "userspace reached", "first console byte",
      "first kick", "exited",
  };
  return kNames.at(static_cast<size_t>(step));
}

void Timeline::Record(TimelineStep step, Nanoseconds when) {
  auto& slot = at_.at(static_cast<size_t>(step));
  if (slot.load(std::memory_order_relaxed) != 0) return;
  Nanoseconds::rep unset = 0;
  slot.compare_exchange_strong(unset, when.count(), std::memory_order_release,
                               std::memory_order_relaxed);
}

std::optional<Nanoseconds> Timeline::At(TimelineStep step) const {
  const auto at = at_.at(static_cast<size_t>(step)).load(std::memory_order_acquire);
  if (at == 0) return std::nullopt;
  return Nanoseconds(at);
}

}  // namespace mayfly
