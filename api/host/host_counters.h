#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "api/host/latency_histogram.h"
#include "base/clock.h"
#include "base/timeline.h"
#include "vmm/exit_status.h"

namespace mayfly::api {

inline constexpr size_t kExitReasons = static_cast<size_t>(vmm::ExitReason::kOutOfMemory) + 1;
// The last code that absl::Status has.
inline constexpr size_t kStatusCodes = static_cast<size_t>(absl::StatusCode::kUnauthenticated) + 1;

// By the number of a TimelineStep.
using StepSet = std::bitset<kTimelineSteps>;

// What a host service counts since its start.
struct HostCounters {
  Nanoseconds started{MonotonicNow()};
  Nanoseconds started_at{std::chrono::system_clock::now().time_since_epoch()};  // CLOCK_REALTIME
  uint64_t launches = 0;
  std::array<uint64_t, kStatusCodes> failures{};  // launches that failed, by their error
  std::array<uint64_t, kExitReasons> exits{};
  std::array<LatencyHistogram, kTimelineSteps> steps;  // since the launch was asked for

  void CountFailure(const absl::Status& status) {
    ++failures.at(static_cast<size_t>(status.code()));
  }
  [[nodiscard]] uint64_t AllFailures() const;
  void CountExit(vmm::ExitReason reason) { ++exits.at(static_cast<size_t>(reason)); }
  // Those that `counted` has not yet, which then has them, too. A VMM is not trusted: what has not
  // happened by `now`, or before the request, is left out.
  void CountSteps(const Timeline& timeline, Nanoseconds now, StepSet& counted);
};

}  // namespace mayfly::api
