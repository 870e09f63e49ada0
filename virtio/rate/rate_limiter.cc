#include "virtio/rate/rate_limiter.h"

#include <algorithm>
#include <utility>

namespace mayfly::virtio {
namespace {

constexpr int64_t kTokenParts = 1'000'000'000;

absl::int128 Parts(uint64_t tokens) { return absl::int128(tokens) * kTokenParts; }

}  // namespace

RateLimiter::Bucket::Bucket(const RateLimit& limit, Nanoseconds now)
    : per_second_(limit.per_second),
      capacity_(Parts(limit.burst != 0 ? limit.burst : limit.per_second)),
      level_(capacity_),
      filled_at_(now) {}

void RateLimiter::Bucket::Fill(Nanoseconds now) {
  const absl::int128 elapsed = (now - std::exchange(filled_at_, now)).count();
  if (!limited() || elapsed <= 0) return;
  // Divided, not multiplied: a long time at a high rate would not fit.
  if (elapsed > (capacity_ - level_) / per_second_) {
    level_ = capacity_;
  } else {
    level_ += elapsed * per_second_;
  }
}

Nanoseconds RateLimiter::Bucket::Wait(uint64_t tokens) const {
  if (!limited()) return Nanoseconds(0);
  const absl::int128 missing = std::min(Parts(tokens), capacity_) - level_;
  if (missing <= 0) return Nanoseconds(0);
  const absl::int128 wait = (missing + per_second_ - 1) / per_second_;
  return Nanoseconds(
      static_cast<int64_t>(std::min<absl::int128>(wait, Nanoseconds::max().count())));
}

void RateLimiter::Bucket::Take(uint64_t tokens) {
  if (limited()) level_ -= Parts(tokens);
}

void RateLimiter::Bucket::Inherit(const Bucket& before) {
  if (before.limited()) level_ = std::clamp(before.level_, -capacity_, capacity_);
}

RateLimiter::RateLimiter(const RateLimits& limits, Nanoseconds now)
    : operations_(limits.operations, now), bytes_(limits.bytes, now) {}

Nanoseconds RateLimiter::Admit(uint64_t bytes, Nanoseconds now) {
  operations_.Fill(now);
  bytes_.Fill(now);
  const Nanoseconds wait = std::max(operations_.Wait(1), bytes_.Wait(bytes));
  if (wait == Nanoseconds(0)) {
    operations_.Take(1);
    bytes_.Take(bytes);
  }
  return wait;
}

void RateLimiter::Update(const RateLimits& limits, Nanoseconds now) {
  operations_.Fill(now);
  bytes_.Fill(now);
  Bucket operations(limits.operations, now);
  Bucket bytes(limits.bytes, now);
  operations.Inherit(operations_);
  bytes.Inherit(bytes_);
  operations_ = operations;
  bytes_ = bytes;
}

}  // namespace mayfly::virtio
