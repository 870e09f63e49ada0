#pragma once

#include <cstdint>

#include "absl/numeric/int128.h"
#include "base/clock.h"

namespace mayfly::virtio {

// A token bucket: `per_second` are added every second, evenly, up to `burst`.
struct RateLimit {
  uint64_t per_second = 0;  // 0: no limit
  uint64_t burst = 0;       // 0: what a second brings

  friend bool operator==(const RateLimit&, const RateLimit&) = default;
};

struct RateLimits {
  RateLimit operations;
  RateLimit bytes;

  friend bool operator==(const RateLimits&, const RateLimits&) = default;
};

// Admits operations as two token buckets allow: one of operations, one of bytes. Both begin full.
// An operation larger than the bucket of bytes is admitted when the bucket is full, and leaves it
// in debt, so that the rate holds.
//
// Not thread-safe; the time is the caller's (CLOCK_MONOTONIC), and never goes back.
class RateLimiter final {
 public:
  RateLimiter(const RateLimits& limits, Nanoseconds now);

  [[nodiscard]] bool limited() const { return operations_.limited() || bytes_.limited(); }
  // 0: admitted, and paid for. Otherwise, nothing was paid, and after that time it will be
  // admitted, unless others come first or the limits change.
  [[nodiscard]] Nanoseconds Admit(uint64_t bytes, Nanoseconds now);
  // From now on. What is in the buckets stays, as far as it fits; so does a debt, up to the new
  // burst. A bucket that had no limit is full.
  void Update(const RateLimits& limits, Nanoseconds now);

 private:
  class Bucket final {
   public:
    Bucket(const RateLimit& limit, Nanoseconds now);

    [[nodiscard]] bool limited() const { return per_second_ != 0; }
    // Takes in what the time since the last call brought.
    void Fill(Nanoseconds now);
    // How long until `tokens` can be had; 0: now.
    [[nodiscard]] Nanoseconds Wait(uint64_t tokens) const;
    void Take(uint64_t tokens);
    // Takes over what is in `before`, which is filled up to now.
    void Inherit(const Bucket& before);

   private:
    // Counted in billionths, of which every nanosecond brings `per_second_`: nothing is rounded.
    uint64_t per_second_;
    absl::int128 capacity_;
    absl::int128 level_;  // less than zero: a debt
    Nanoseconds filled_at_;
  };

  Bucket operations_;
  Bucket bytes_;
};

}  // namespace mayfly::virtio
