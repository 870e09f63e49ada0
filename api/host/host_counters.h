#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "api/host/latency_histogram.h"
#include "base/clock.h"
#include "base/timeline.h"
#include "vmm/exit_status.h"

namespace mayfly::api {

inline constexpr size_t kExitReasons = static_cast<size_t>(vmm::ExitReason::kOutOfMemory) + 1;

// What a host service counts since its start.
struct HostCounters {
  Nanoseconds started{MonotonicNow()};
  uint64_t launches = 0;
  uint64_t failures = 0;
  std::array<uint64_t, kExitReasons> exits{};
  std::array<LatencyHistogram, kTimelineSteps> steps;  // since the launch was asked for

  void CountExit(vmm::ExitReason reason) { ++exits.at(static_cast<size_t>(reason)); }
  void CountSteps(const Timeline& timeline);
};

}  // namespace mayfly::api
