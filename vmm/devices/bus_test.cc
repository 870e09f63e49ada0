#include "vmm/devices/bus.h"

#include <array>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::vmm {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// Remembers the last access; reads as its offset.
class Probe final : public IoHandler {
 public:
  void Read(uint64_t offset, std::span<std::byte> out) override {
    ++reads;
    for (std::byte& byte : out) byte = static_cast<std::byte>(offset++);
  }
  void Write(uint64_t offset, std::span<const std::byte> data) override {
    ++writes;
    last_offset = offset;
    last_size = data.size();
  }
  int reads = 0;
  int writes = 0;
  uint64_t last_offset = 0;
  size_t last_size = 0;
};

class BusTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(bus_.Add(0x100, 0x10, device_).ok()); }

  template <size_t kSize>
  [[nodiscard]] std::array<std::byte, kSize> Read(uint64_t address) const {
    std::array<std::byte, kSize> bytes{};
    bus_.Read(address, bytes);
    return bytes;
  }

  Bus bus_;
  Probe device_;
  Probe other_;
};

TEST_F(BusTest, AccessesReachTheDeviceAtTheirOffset) {
  EXPECT_THAT(Read<2>(0x103), ElementsAre(std::byte{3}, std::byte{4}));
  bus_.Write(0x108, std::array<std::byte, 8>{});
  EXPECT_EQ(device_.last_offset, 8);
  EXPECT_EQ(device_.last_size, 8);
}

TEST_F(BusTest, WhatNobodyClaimsReadsAsOnesAndSwallowsWrites) {
  EXPECT_THAT(Read<4>(0xfc), Each(std::byte{0xff}));
  EXPECT_THAT(Read<1>(0x110), Each(std::byte{0xff}));
  EXPECT_THAT(Read<8>(UINT64_MAX), Each(std::byte{0xff}));
  bus_.Write(0x110, std::array<std::byte, 4>{});
  EXPECT_EQ(device_.writes, 0);
}

TEST_F(BusTest, AnAccessThatStraddlesTheEndReachesNobody) {
  EXPECT_THAT(Read<4>(0x10e), Each(std::byte{0xff}));
  EXPECT_THAT(Read<4>(0xfe), Each(std::byte{0xff}));
  EXPECT_EQ(device_.reads, 0);
}

TEST_F(BusTest, AnOddWidthReachesNobody) {
  EXPECT_THAT(Read<3>(0x100), Each(std::byte{0xff}));
  bus_.Write(0x100, {});
  EXPECT_EQ(device_.reads, 0);
  EXPECT_EQ(device_.writes, 0);
}

TEST_F(BusTest, RangesCannotOverlap) {
  EXPECT_EQ(bus_.Add(0x10f, 1, other_).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(bus_.Add(0xff, 2, other_).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(bus_.Add(0x0, 0x1000, other_).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(bus_.Add(0xf0, 0x10, other_).ok());
  EXPECT_TRUE(bus_.Add(0x110, 1, other_).ok());
}

TEST_F(BusTest, RangesCannotBeEmptyOrWrap) {
  EXPECT_FALSE(bus_.Add(0x200, 0, other_).ok());
  EXPECT_FALSE(bus_.Add(UINT64_MAX, 2, other_).ok());
}

}  // namespace
}  // namespace mayfly::vmm
