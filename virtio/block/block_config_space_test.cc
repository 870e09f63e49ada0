#include "virtio/block/block_config_space.h"

#include <array>

#include "gtest/gtest.h"
#include "virtio/block/testing/memory_backend.h"

namespace mayfly::virtio {
namespace {

class BlockConfigSpaceTest : public ::testing::Test {
 protected:
  [[nodiscard]] BlockConfig Read() const {
    BlockConfig config;
    space_.Read(0, std::as_writable_bytes(std::span(&config, 1)));
    return config;
  }
  template <typename T>
  void Write(uint64_t offset, T value) {
    space_.Write(offset, std::as_bytes(std::span(&value, 1)));
  }

  const MemoryBackend backend_{64 * kSectorSize, BlockAccess::kReadWrite,
                               MemoryBackend::Completion::kInline};
  BlockConfigSpace space_{backend_, 4, 256};
};

TEST_F(BlockConfigSpaceTest, TellsTheQueues) {
  EXPECT_EQ(Read().queues, 4);
  EXPECT_EQ(Read().seg_max, 254U);
}

TEST_F(BlockConfigSpaceTest, OffersNoDiscardsForAReadOnlyDisk) {
  const MemoryBackend backend(kSectorSize, BlockAccess::kReadOnly,
                              MemoryBackend::Completion::kInline);
  const BlockConfigSpace space(backend, 1, 256);
  BlockConfig config;
  space.Read(0, std::as_writable_bytes(std::span(&config, 1)));
  EXPECT_EQ(config.max_discard_sectors, 0U);
  EXPECT_EQ(config.max_write_zeroes_sectors, 0U);
  EXPECT_EQ(config.write_zeroes_may_unmap, 0);
}

TEST_F(BlockConfigSpaceTest, LetsTheDriverSetTheCacheMode) {
  constexpr uint64_t kWriteback = offsetof(BlockConfig, writeback);
  Write<uint8_t>(kWriteback, 0);
  EXPECT_FALSE(space_.writeback());
  EXPECT_EQ(Read().writeback, 0);
  Write<uint8_t>(kWriteback, 1);
  EXPECT_TRUE(space_.writeback());
}

TEST_F(BlockConfigSpaceTest, IgnoresAllOtherWrites) {
  constexpr uint64_t kWriteback = offsetof(BlockConfig, writeback);
  Write<uint8_t>(kWriteback, 2);
  Write<uint16_t>(kWriteback, 0);
  Write<uint32_t>(kWriteback - 2, 0);
  Write<uint64_t>(0, 0);
  Write<uint8_t>(kBlockConfigSize, 0);
  Write<uint64_t>(UINT64_MAX, 0);
  space_.Write(kWriteback, {});
  EXPECT_EQ(Read().writeback, 1);
  EXPECT_EQ(Read().capacity, 64U);
}

TEST_F(BlockConfigSpaceTest, SaysWhetherTheCapacityIsNew) {
  EXPECT_FALSE(space_.SetCapacity(64 * kSectorSize));
  EXPECT_TRUE(space_.SetCapacity(uint64_t{16} << 40));
  EXPECT_EQ(Read().capacity, uint64_t{16} << 31);
}

}  // namespace
}  // namespace mayfly::virtio
