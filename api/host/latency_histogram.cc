#include "api/host/latency_histogram.h"

#include <algorithm>
#include <chrono>

namespace mayfly::api {

void LatencyHistogram::Add(Nanoseconds duration) {
  using Microseconds = std::chrono::duration<int64_t, std::micro>;
  const auto microseconds = static_cast<uint64_t>(
      std::max<int64_t>(0, std::chrono::ceil<Microseconds>(duration).count()));
  const auto bucket = std::ranges::lower_bound(kMicroseconds, microseconds);
  ++counts_.at(static_cast<size_t>(bucket - kMicroseconds.begin()));
  ++count_;
  sum_microseconds_ += microseconds;
}

}  // namespace mayfly::api
