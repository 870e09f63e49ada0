#pragma once

#include <cstddef>
#include <cstdint>

#include "virtio/protocol/features.h"

namespace mayfly::virtio {

// What driver and device of virtio-blk say to each other (virtio 1.2, 5.2); little-endian.

inline constexpr uint64_t kBlockFeatureSegMax = FeatureBit(2);
inline constexpr uint64_t kBlockFeatureReadOnly = FeatureBit(5);
inline constexpr uint64_t kBlockFeatureBlockSize = FeatureBit(6);
inline constexpr uint64_t kBlockFeatureFlush = FeatureBit(9);
inline constexpr uint64_t kBlockFeatureTopology = FeatureBit(10);
inline constexpr uint64_t kBlockFeatureConfigWriteback = FeatureBit(11);
inline constexpr uint64_t kBlockFeatureMultiQueue = FeatureBit(12);
inline constexpr uint64_t kBlockFeatureDiscard = FeatureBit(13);
inline constexpr uint64_t kBlockFeatureWriteZeroes = FeatureBit(14);

// The configuration space (5.2.4).
struct BlockConfig {
  uint64_t capacity = 0;  // sectors of 512 bytes
  uint32_t size_max = 0;
  uint32_t seg_max = 0;  // data segments of a request
  struct Geometry {
    uint16_t cylinders = 0;
    uint8_t heads = 0;
    uint8_t sectors = 0;
  } geometry;
  uint32_t block_size = 0;  // bytes
  struct Topology {
    uint8_t physical_block_exponent = 0;  // logical blocks in a physical one, as a power of two
    uint8_t alignment_offset = 0;         // logical blocks to the first aligned one
    uint16_t min_io_size = 0;             // logical blocks
    uint32_t optimal_io_size = 0;         // logical blocks; 0: no preference
  } topology;
  uint8_t writeback = 0;  // 1: writes are stable after a flush; 0: when they are done
  uint8_t unused0 = 0;
  uint16_t queues = 0;
  uint32_t max_discard_sectors = 0;
  uint32_t max_discard_segments = 0;
  uint32_t discard_sector_alignment = 0;
  uint32_t max_write_zeroes_sectors = 0;
  uint32_t max_write_zeroes_segments = 0;
  uint8_t write_zeroes_may_unmap = 0;
  uint8_t unused1[3] = {};
};
inline constexpr size_t kBlockConfigSize = 60;
// The struct is padded to the alignment of `capacity`; the padding is not part of the space.
static_assert(sizeof(BlockConfig) == 64 && offsetof(BlockConfig, unused1) + 3 == kBlockConfigSize);

// What a request begins with (5.2.6). After it: data that the device reads, data that it writes,
// and a status byte.
struct BlockRequestHeader {
  uint32_t type = 0;
  uint32_t reserved = 0;
  uint64_t sector = 0;
};
static_assert(sizeof(BlockRequestHeader) == 16);

enum class BlockRequestType : uint32_t {
  kIn = 0,
  kOut = 1,
  kFlush = 4,
  kGetId = 8,
  kDiscard = 11,
  kWriteZeroes = 13,
};

// The data of a discard and of a write-zeroes request: one or more of these.
struct BlockSegment {
  uint64_t sector = 0;
  uint32_t sectors = 0;
  uint32_t flags = 0;
};
static_assert(sizeof(BlockSegment) == 16);

// Of a write-zeroes request: the storage may be given back, as long as it reads as zeroes.
inline constexpr uint32_t kBlockSegmentUnmap = 1;

enum class BlockStatus : uint8_t {
  kOk = 0,
  kIoError = 1,
  kUnsupported = 2,
};

// What GET_ID returns: text, zero-padded, not terminated where it is as long.
inline constexpr size_t kBlockIdSize = 20;

}  // namespace mayfly::virtio
