#pragma once

#include <chrono>
#include <cstdint>

namespace mayfly {

using Nanoseconds = std::chrono::nanoseconds;

// CLOCK_MONOTONIC since boot: the same for every process of the host, so that times can be handed
// from one to another.
[[nodiscard]] Nanoseconds MonotonicNow();

}  // namespace mayfly
