#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace mayfly::api {

// Durations counted by their size.
class LatencyHistogram final {
 public:
  // Each bucket holds what is not longer than this, and longer than the one before. The last one
  // has no end.
  static constexpr std::array<uint64_t, 18> kMicroseconds = {
      100,       200,       500,       1'000,      2'000,      5'000,
      10'000,    20'000,    50'000,    100'000,    200'000,    500'000,
      1'000'000, 2'000'000, 5'000'000, 10'000'000, 30'000'000, 60'000'000};

  void Add(Nanoseconds duration);
  [[nodiscard]] uint64_t count() const { return count_; }
  [[nodiscard]] uint64_t sum_microseconds() const { return sum_microseconds_; }
  // By bucket.
  [[nodiscard]] const std::array<uint64_t, kMicroseconds.size() + 1>& counts() const {
    return counts_;
  }

 private:
  std::array<uint64_t, kMicroseconds.size() + 1> counts_{};
  uint64_t count_ = 0;
  uint64_t sum_microseconds_ = 0;
};

}  // namespace mayfly::api
