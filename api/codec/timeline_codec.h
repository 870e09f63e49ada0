#pragma once

#include "api/mayfly.capnp.h"
#include "base/timeline.h"

namespace mayfly::api {

// Fills the results of Machine.timeline: the steps that have happened, in order of time.
void EncodeTimeline(const Timeline& timeline, rpc::Machine::TimelineResults::Builder results);

// Adds the steps to `timeline`; those that a newer VMM knows and we do not are left out.
void DecodeTimeline(rpc::Machine::TimelineResults::Reader results, Timeline& timeline);

}  // namespace mayfly::api
