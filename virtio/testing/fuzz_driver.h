#pragma once

#include <cstdint>

#include "base/guest_memory.h"
#include "base/testing/byte_source.h"
#include "virtio/testing/driver_ring.h"

namespace mayfly::virtio {

// A driver of one queue that does what a fuzzer's input says: as a driver should, nearly so, or
// anything at all. Numbers lean towards those that mean something: RAM and its edges, small
// indices, lengths that fit.
class FuzzDriver final {
 public:
  static constexpr uint16_t kQueueSize = 16;

  // The ring lies at `ring` in `memory`, tables and buffers above it.
  FuzzDriver(const GuestMemory& memory, uint64_t ring)
      : memory_(memory), ring_(memory, ring, kQueueSize) {}

  [[nodiscard]] DriverRing& ring() { return ring_; }
  // One action on the ring, a table or the buffers.
  void Step(ByteSource& input);

  [[nodiscard]] static uint64_t TakeAddress(ByteSource& input);
  [[nodiscard]] static uint32_t TakeLength(ByteSource& input);

 private:
  void OfferBlockRequest(ByteSource& input);
  [[nodiscard]] static RingDescriptor TakeDescriptor(ByteSource& input);

  const GuestMemory& memory_;
  DriverRing ring_;
};

}  // namespace mayfly::virtio
