#include "base/checked.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

TEST(Checked, AddAndMulRefuseToWrap) {
  EXPECT_EQ(CheckedAdd<uint64_t>(kMax - 1, 1), kMax);
  EXPECT_EQ(CheckedAdd<uint64_t>(kMax, 1), std::nullopt);
  EXPECT_EQ(CheckedMul<uint32_t>(1U << 16, (1U << 16) - 1), 0xffff0000U);
  EXPECT_EQ(CheckedMul<uint32_t>(1U << 16, 1U << 16), std::nullopt);
}

TEST(Checked, CastRefusesToCutOff) {
  EXPECT_EQ(CheckedCast<uint8_t>(255), 255);
  EXPECT_EQ(CheckedCast<uint8_t>(256), std::nullopt);
  EXPECT_EQ(CheckedCast<uint32_t>(-1), std::nullopt);
  EXPECT_EQ(CheckedCast<int64_t>(kMax), std::nullopt);
}

TEST(Checked, RangeWithin) {
  EXPECT_TRUE(RangeWithin(0, 10, 10));
  EXPECT_TRUE(RangeWithin(10, 0, 10));
  EXPECT_FALSE(RangeWithin(11, 0, 10));
  EXPECT_FALSE(RangeWithin(1, 10, 10));
  EXPECT_FALSE(RangeWithin(1, kMax, 10));
  EXPECT_FALSE(RangeWithin(kMax, 2, 10));
}

TEST(Checked, Alignment) {
  EXPECT_EQ(AlignDown<uint64_t>(4097, 4096), 4096U);
  EXPECT_EQ(AlignUp<uint64_t>(4097, 4096), 8192U);
  EXPECT_EQ(AlignUp<uint64_t>(4096, 4096), 4096U);
  EXPECT_EQ(AlignUp<uint64_t>(kMax, 4096), std::nullopt);
  EXPECT_TRUE(IsAligned<uint32_t>(64, 16));
  EXPECT_FALSE(IsAligned<uint32_t>(65, 16));
}

}  // namespace
}  // namespace mayfly
