#include "virtio/block/block_config_space.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace mayfly::virtio {
namespace {

// Header and status of a request take a descriptor each.
constexpr uint32_t kFramingDescriptors = 2;

BlockConfig Describe(const BlockBackend& backend, uint16_t queues, uint16_t queue_size) {
  const uint64_t logical_per_physical = backend.physical_block_size() / kSectorSize;
  BlockConfig config;
  config.seg_max = queue_size - kFramingDescriptors;
  config.block_size = kSectorSize;
  config.topology.physical_block_exponent =
      static_cast<uint8_t>(std::countr_zero(logical_per_physical));
  config.topology.min_io_size = static_cast<uint16_t>(
      std::min<uint64_t>(logical_per_physical, std::numeric_limits<uint16_t>::max()));
  config.queues = queues;
  if (backend.discard_granularity() != 0) {
    config.max_discard_sectors = BlockConfigSpace::kMaxDiscardSectors;
    config.max_discard_segments = BlockConfigSpace::kMaxDiscardSegments;
    config.discard_sector_alignment =
        static_cast<uint32_t>(backend.discard_granularity() / kSectorSize);
    config.max_write_zeroes_sectors = BlockConfigSpace::kMaxZeroSectors;
    config.max_write_zeroes_segments = BlockConfigSpace::kMaxZeroSegments;
    config.write_zeroes_may_unmap = 1;
  }
  return config;
}

}  // namespace

BlockConfigSpace::BlockConfigSpace(const BlockBackend& backend, uint16_t queues,
                                   uint16_t queue_size)
    : constant_(Describe(backend, queues, queue_size)),
      capacity_(backend.capacity() / kSectorSize) {}

void BlockConfigSpace::Read(uint64_t offset, std::span<std::byte> out) const {
  BlockConfig config = constant_;
  config.capacity = capacity_.load(std::memory_order_relaxed);
  config.writeback = writeback() ? 1 : 0;
  const auto space = std::as_bytes(std::span(&config, 1)).first(kBlockConfigSize);
  if (offset >= space.size()) return;
  const auto rest = space.subspan(offset);
  std::ranges::copy(rest.first(std::min(rest.size(), out.size())), out.begin());
}

void BlockConfigSpace::Write(uint64_t offset, std::span<const std::byte> data) {
  if (offset != offsetof(BlockConfig, writeback) || data.size() != sizeof(BlockConfig::writeback)) {
    return;
  }
  // 0 and 1 are all that 5.2.5 knows.
  const auto value = std::to_integer<uint8_t>(data.front());
  if (value <= 1) SetWriteback(value == 1);
}

bool BlockConfigSpace::SetCapacity(uint64_t bytes) {
  const uint64_t sectors = bytes / kSectorSize;
  return capacity_.exchange(sectors, std::memory_order_relaxed) != sectors;
}

}  // namespace mayfly::virtio
