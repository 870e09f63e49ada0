#include "virtio/rate/rate_gate.h"

#include "base/clock.h"
#include "gtest/gtest.h"

namespace mayfly::virtio {
namespace {

using namespace std::chrono_literals;

constexpr RateLimits kHundredASecond = {.operations = {.per_second = 100, .burst = 1}, .bytes = {}};
constexpr RateLimits kOneADay = {.operations = {.per_second = 1, .burst = 1},
                                 .bytes = {.per_second = 1, .burst = 86400}};

class RateGateTest : public ::testing::Test {
 protected:
  void Make(const RateLimits& limits) {
    gate_ = RateGate::Create(limits, *io_, [this] {
              ++opened_;
              io_->Stop();
            }).value();
  }

  const std::unique_ptr<EventLoop> io_ = EventLoop::Create().value();
  int opened_ = 0;
  std::unique_ptr<RateGate> gate_;
};

TEST_F(RateGateTest, IsOpenWithoutLimits) {
  Make({});
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(gate_->Admit(1 << 30));
}

TEST_F(RateGateTest, CallsWhenWhatItRefusedMayGoOnAndNotBefore) {
  Make(kHundredASecond);
  const Nanoseconds start = MonotonicNow();
  EXPECT_TRUE(gate_->Admit(1));
  EXPECT_FALSE(gate_->Admit(1));
  EXPECT_FALSE(gate_->Admit(1));
  io_->Run();
  EXPECT_EQ(opened_, 1);
  EXPECT_GE(MonotonicNow() - start, 10ms);
  EXPECT_TRUE(gate_->Admit(1));
}

TEST_F(RateGateTest, YieldsForOneTurn) {
  Make(kOneADay);
  gate_->Yield();
  EXPECT_EQ(opened_, 0);
  io_->Run();
  EXPECT_EQ(opened_, 1);
}

TEST_F(RateGateTest, CallsNobodyWhoIsGone) {
  Make(kHundredASecond);
  EXPECT_TRUE(gate_->Admit(1));
  EXPECT_FALSE(gate_->Admit(1));
  gate_->Forget();
  gate_->Update({});
  EXPECT_EQ(opened_, 0);
}

TEST_F(RateGateTest, CallsAtOnceWhenTheLimitsChange) {
  Make(kOneADay);
  EXPECT_TRUE(gate_->Admit(86400));
  EXPECT_FALSE(gate_->Admit(86400));
  gate_->Update({});
  EXPECT_EQ(opened_, 1);
  EXPECT_TRUE(gate_->Admit(86400));
}

TEST_F(RateGateTest, ChangesWithoutACallWhereNobodyWaits) {
  Make({});
  gate_->Update(kHundredASecond);
  EXPECT_EQ(opened_, 0);
  EXPECT_TRUE(gate_->Admit(1));
  EXPECT_FALSE(gate_->Admit(1));
}

}  // namespace
}  // namespace mayfly::virtio
