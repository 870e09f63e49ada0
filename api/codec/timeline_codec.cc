#include "api/codec/timeline_codec.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace mayfly::api {
namespace {

static_assert(static_cast<unsigned>(TimelineStep::kRequested) ==
              static_cast<unsigned>(rpc::TimelineStep::REQUESTED));
static_assert(static_cast<unsigned>(TimelineStep::kExited) ==
              static_cast<unsigned>(rpc::TimelineStep::EXITED));

}  // namespace

void EncodeTimeline(const Timeline& timeline, rpc::Machine::TimelineResults::Builder results) {
  std::vector<std::pair<Nanoseconds, TimelineStep>> happened;
  for (size_t index = 0; index < kTimelineSteps; ++index) {
    const auto step = static_cast<TimelineStep>(index);
    if (const auto when = timeline.At(step)) happened.emplace_back(*when, step);
  }
  std::ranges::sort(happened);
  auto entries = results.initEntries(static_cast<capnp::uint>(happened.size()));
  capnp::uint position = 0;
  for (const auto& [when, step] : happened) {
    auto entry = entries[position++];
    entry.setStep(static_cast<rpc::TimelineStep>(step));
    entry.setNanoseconds(static_cast<uint64_t>(when.count()));
  }
}

void DecodeTimeline(rpc::Machine::TimelineResults::Reader results, Timeline& timeline) {
  for (const auto entry : results.getEntries()) {
    const auto step = static_cast<unsigned>(entry.getStep());
    if (step >= kTimelineSteps) continue;
    timeline.Record(static_cast<TimelineStep>(step),
                    Nanoseconds(static_cast<Nanoseconds::rep>(entry.getNanoseconds())));
  }
}

}  // namespace mayfly::api
