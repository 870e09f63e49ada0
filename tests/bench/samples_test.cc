#include "tests/bench/samples.h"

#include "gtest/gtest.h"

namespace mayfly::bench {
namespace {

TEST(Samples, QuantilesAreMeasuredValues) {
  Samples samples("first byte", "floor", "ms");
  EXPECT_TRUE(samples.empty());
  EXPECT_EQ(samples.Quantile(0.5), 0);
  for (int i = 100; i >= 1; --i) samples.Add(i);
  EXPECT_EQ(samples.Quantile(0.5), 50);
  EXPECT_EQ(samples.Quantile(0.99), 99);
  EXPECT_EQ(samples.Quantile(0), 1);
  EXPECT_EQ(samples.Quantile(1), 100);
}

TEST(Samples, OneJsonObject) {
  Samples samples("exit", "mayfly", "ms");
  samples.Add(1.25);
  EXPECT_EQ(
      samples.ToJson("start"),
      R"({"bench":"start","case":"exit","subject":"mayfly","unit":"ms","p50":1.25,"p99":1.25,"n":1})");
}

}  // namespace
}  // namespace mayfly::bench
