#include "virtio/rate/rate_limiter.h"

#include <limits>

#include "gtest/gtest.h"

namespace mayfly::virtio {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kStart = 5s;
constexpr Nanoseconds kAdmitted{0};
constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();

RateLimits Operations(uint64_t per_second, uint64_t burst) {
  return {.operations = {.per_second = per_second, .burst = burst}, .bytes = {}};
}

RateLimits Bytes(uint64_t per_second, uint64_t burst) {
  return {.operations = {}, .bytes = {.per_second = per_second, .burst = burst}};
}

TEST(RateLimiterTest, AdmitsEverythingWithoutLimits) {
  RateLimiter limiter({}, kStart);
  EXPECT_FALSE(limiter.limited());
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(limiter.Admit(kHuge, kStart), kAdmitted);
}

TEST(RateLimiterTest, AdmitsABurstAndThenAtTheRate) {
  RateLimiter limiter(Operations(1000, 3), kStart);
  EXPECT_TRUE(limiter.limited());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.Admit(4096, kStart), kAdmitted);
  EXPECT_EQ(limiter.Admit(4096, kStart), 1ms);
  EXPECT_EQ(limiter.Admit(4096, kStart + 400us), 600us) << "nothing was paid";
  EXPECT_EQ(limiter.Admit(4096, kStart + 1ms), kAdmitted);
  EXPECT_EQ(limiter.Admit(4096, kStart + 1ms), 1ms);
}

TEST(RateLimiterTest, BurstIsWhatASecondBringsWhereNotGiven) {
  RateLimiter limiter(Bytes(1000, 0), kStart);
  EXPECT_EQ(limiter.Admit(1000, kStart), kAdmitted);
  EXPECT_EQ(limiter.Admit(1, kStart), 1ms);
}

TEST(RateLimiterTest, IdleTimeFillsNoFurtherThanTheBurst) {
  RateLimiter limiter(Operations(1000, 2), kStart);
  EXPECT_EQ(limiter.Admit(1, kStart + 1h), kAdmitted);
  EXPECT_EQ(limiter.Admit(1, kStart + 1h), kAdmitted);
  EXPECT_EQ(limiter.Admit(1, kStart + 1h), 1ms);
}

TEST(RateLimiterTest, HoldsBothLimits) {
  RateLimiter limiter(
      {.operations = {.per_second = 10, .burst = 2}, .bytes = {.per_second = 1000, .burst = 1000}},
      kStart);
  EXPECT_EQ(limiter.Admit(900, kStart), kAdmitted);
  EXPECT_EQ(limiter.Admit(900, kStart), 800ms) << "bytes";
  EXPECT_EQ(limiter.Admit(1, kStart), kAdmitted) << "the refused one has not paid its operation";
  EXPECT_EQ(limiter.Admit(1, kStart), 100ms) << "operations";
}

TEST(RateLimiterTest, LetsALargeOperationThroughWhenFullAndHoldsTheRateAfterIt) {
  RateLimiter limiter(Bytes(1000, 100), kStart);
  EXPECT_EQ(limiter.Admit(1, kStart), kAdmitted);
  EXPECT_EQ(limiter.Admit(5000, kStart), 1ms) << "not full";
  EXPECT_EQ(limiter.Admit(5000, kStart + 1ms), kAdmitted);
  EXPECT_EQ(limiter.Admit(1, kStart + 1ms), 4901ms);
  EXPECT_EQ(limiter.Admit(1, kStart + 4902ms), kAdmitted);
}

// Three operations a second: the time of one is no whole number of nanoseconds.
TEST(RateLimiterTest, RoundsNothingAway) {
  constexpr int kBurst = 2;
  RateLimiter limiter(Operations(3, kBurst), kStart);
  Nanoseconds now = kStart;
  for (int i = 0; i < kBurst + 3000; ++i) {
    while (true) {
      const Nanoseconds wait = limiter.Admit(0, now);
      if (wait == kAdmitted) break;
      now += wait;
    }
  }
  EXPECT_EQ(now, kStart + 1000s);
}

TEST(RateLimiterTest, HoldsRatesOfManyBytesInANanosecond) {
  constexpr uint64_t kBurst = 300;
  RateLimiter limiter(Bytes(30'000'000'000, kBurst), kStart);
  uint64_t admitted = 0;
  for (Nanoseconds now = kStart; now < kStart + 10us; ++now) {
    while (limiter.Admit(7, now) == kAdmitted) admitted += 7;
  }
  constexpr uint64_t kAllowed = kBurst + uint64_t{30} * 9999;
  EXPECT_LE(admitted, kAllowed);
  EXPECT_GT(admitted + 7, kAllowed);
}

TEST(RateLimiterTest, WithstandsTheLargestNumbers) {
  RateLimiter limiter({.operations = {.per_second = kHuge, .burst = kHuge},
                       .bytes = {.per_second = 1, .burst = kHuge}},
                      Nanoseconds(0));
  EXPECT_EQ(limiter.Admit(kHuge, Nanoseconds(0)), kAdmitted);
  EXPECT_EQ(limiter.Admit(kHuge, Nanoseconds(0)), Nanoseconds::max());
  EXPECT_EQ(limiter.Admit(0, Nanoseconds::max()), kAdmitted);
  EXPECT_GT(limiter.Admit(kHuge, Nanoseconds::max()), kAdmitted);
}

TEST(RateLimiterTest, StartsFromAFullBucketWhenALimitIsSet) {
  RateLimiter limiter({}, kStart);
  EXPECT_EQ(limiter.Admit(kHuge, kStart), kAdmitted);
  limiter.Update(Operations(10, 1), kStart + 1s);
  EXPECT_EQ(limiter.Admit(1, kStart + 1s), kAdmitted);
  EXPECT_EQ(limiter.Admit(1, kStart + 1s), 100ms);
}

TEST(RateLimiterTest, KeepsWhatIsInTheBucketsAsFarAsItFits) {
  RateLimiter limiter(Operations(10, 10), kStart);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(limiter.Admit(1, kStart), kAdmitted);
  limiter.Update(Operations(100, 20), kStart + 100ms);  // one came by the old rate
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.Admit(1, kStart + 100ms), kAdmitted);
  EXPECT_EQ(limiter.Admit(1, kStart + 100ms), 10ms);
  limiter.Update(Operations(100, 2), kStart + 1s);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(limiter.Admit(1, kStart + 1s), kAdmitted);
  EXPECT_EQ(limiter.Admit(1, kStart + 1s), 10ms);
}

TEST(RateLimiterTest, ADebtOfFasterTimesDoesNotLastForEver) {
  RateLimiter limiter(Bytes(1'000'000, 1000), kStart);
  EXPECT_EQ(limiter.Admit(1'000'000, kStart), kAdmitted);
  limiter.Update(Bytes(10, 100), kStart);
  EXPECT_EQ(limiter.Admit(100, kStart), 20s);
}

TEST(RateLimiterTest, LiftsALimit) {
  RateLimiter limiter(Operations(1, 1), kStart);
  EXPECT_EQ(limiter.Admit(1, kStart), kAdmitted);
  EXPECT_EQ(limiter.Admit(1, kStart), 1s);
  limiter.Update({}, kStart);
  EXPECT_FALSE(limiter.limited());
  EXPECT_EQ(limiter.Admit(1, kStart), kAdmitted);
}

}  // namespace
}  // namespace mayfly::virtio
