#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "tests/hostile/guest/registers.h"
#include "tests/hostile/guest/ring.h"
#include "virtio/protocol/block_protocol.h"
#include "virtio/protocol/features.h"

namespace mayfly::hostile {

using virtio::BlockRequestHeader;
using virtio::BlockRequestType;
using virtio::BlockStatus;

inline constexpr size_t kSectorBytes = 512;

// A virtio-blk disk: a driver that does what it should, by polling and with one request at a time,
// and everything in it open to one that does not.
//
// The disks of these tests hold, in every 64-bit word of sector n, n and the disk's number in the
// upper half (tests/hostile/hostile_test.cc).
class Disk final {
 public:
  static constexpr uint64_t kUsualFeatures = virtio::kRingFeatures | virtio::kBlockFeatureFlush;
  static constexpr size_t kDataBytes = size_t{64} << 10;
  // What a status byte holds until the device writes it.
  static constexpr uint8_t kNoStatus = 0xee;

  // The parts of a request in memory.
  struct Request {
    BlockRequestHeader header;
    uint8_t status = kNoStatus;
    alignas(4096) std::array<std::byte, kDataBytes> data;
  };

  Disk(Registers registers, uint32_t number);

  [[nodiscard]] const Registers& registers() const { return registers_; }
  [[nodiscard]] Ring& ring() { return ring_; }
  [[nodiscard]] Request& request() { return *request_; }
  [[nodiscard]] uint64_t sectors() const;
  [[nodiscard]] bool needs_reset() const;

  // The whole initialisation (virtio 1.2, 3.1.1) with those of `features` that are offered, and
  // queue 0 on ring(), which is cleared. Returns whether the device is alive.
  bool Begin(uint64_t features = kUsualFeatures);
  // The same with the queue at another place. Returns the status.
  uint32_t BeginAt(const QueuePlace& place, uint64_t features = kUsualFeatures);
  void Kick() const { registers_.Kick(0); }

  // Header, data and status, as descriptors from `first` on. `type` and `sector` go to request().
  void Describe(uint16_t first, BlockRequestType type, uint64_t sector, uint32_t bytes);
  // One request, as a driver should; its status, nothing where the device does not answer.
  [[nodiscard]] std::optional<uint8_t> Do(BlockRequestType type, uint64_t sector, uint32_t bytes);
  // The same of a discard or of zeroes, with one segment.
  [[nodiscard]] std::optional<uint8_t> Do(BlockRequestType type,
                                          const virtio::BlockSegment& segment);
  // Until the device has returned `count` chains more than at the last call or Begin().
  [[nodiscard]] bool AwaitUsed(uint16_t count);
  [[nodiscard]] bool AwaitNeedsReset() const;

  // Whether some sectors read as they should.
  [[nodiscard]] bool Reads();
  // Whether one sector can be written, flushed and read back.
  [[nodiscard]] bool Writes();
  static constexpr uint64_t kWrittenSector = 7;
  static constexpr uint64_t kWrittenWord = 0xb5b5'b5b5'0000'0007;

 private:
  [[nodiscard]] bool Holds(size_t word_count, uint64_t word) const;

  const Registers registers_;
  const uint32_t number_;
  Ring ring_;
  const std::unique_ptr<Request> request_;
  uint16_t seen_used_ = 0;
};

}  // namespace mayfly::hostile
