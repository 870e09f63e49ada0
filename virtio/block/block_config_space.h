#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/block/block_backend.h"
#include "virtio/protocol/block_protocol.h"

namespace mayfly::virtio {

// The configuration space of a block device (virtio 1.2, 5.2.4): what the driver reads of the disk,
// and the one field that it writes, `writeback`.
//
// Threading: all functions are for any thread; two fields change, each an atomic of its own.
class BlockConfigSpace final {
 public:
  // What a driver may put into one discard or write-zeroes request: many segments, so that a file
  // system can trim in few requests; and of zeroes one (Linux sends no more), and less, as storage
  // that cannot make zeroes by itself has them written.
  static constexpr uint32_t kMaxDiscardSegments = 64;
  static constexpr uint32_t kMaxZeroSegments = 1;
  static constexpr uint32_t kMaxDiscardSectors = uint32_t{2} << 21;  // 2 GiB
  static constexpr uint32_t kMaxZeroSectors = uint32_t{32} << 11;    // 32 MiB

  // Describes `backend`, with `queues` of `queue_size` entries.
  BlockConfigSpace(const BlockBackend& backend, uint16_t queues, uint16_t queue_size);

  // As Device::ReadConfig() and WriteConfig().
  void Read(uint64_t offset, std::span<std::byte> out) const;
  void Write(uint64_t offset, std::span<const std::byte> data);

  // `bytes`: a multiple of kSectorSize. True where it is another one than before.
  bool SetCapacity(uint64_t bytes);
  [[nodiscard]] bool writeback() const { return writeback_.load(std::memory_order_relaxed); }
  void SetWriteback(bool writeback) { writeback_.store(writeback, std::memory_order_relaxed); }

 private:
  const BlockConfig constant_;      // all but what follows
  std::atomic<uint64_t> capacity_;  // sectors
  std::atomic<bool> writeback_ = true;
};

}  // namespace mayfly::virtio
