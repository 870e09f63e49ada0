#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "base/guest_memory.h"
#include "virtio/core/queue.h"
#include "virtio/protocol/ring_layout.h"

namespace mayfly::virtio {

// One buffer of a chain.
struct DriverBuffer {
  uint64_t address = 0;
  uint32_t length = 0;
  bool writable = false;  // by the device
};

// The driver's side of a split virtqueue, written by hand: it can do what a driver should, in one
// call, and everything that a hostile one would, field by field. It checks nothing.
class DriverRing final {
 public:
  // The three areas lie one after the other from `base`, a multiple of 16, in RAM.
  DriverRing(const GuestMemory& memory, uint64_t base, uint16_t size);

  [[nodiscard]] const QueueLayout& layout() const { return layout_; }
  // The first byte after the areas, aligned to 16.
  [[nodiscard]] uint64_t end() const;

  // As a driver that begins anew: zeroes the areas.
  void Clear();
  // As a driver should: puts `buffers` in the descriptors from `first` on, chained, and makes them
  // available.
  void Offer(uint16_t first, std::initializer_list<DriverBuffer> buffers);
  // The same by an indirect table at `table`, for which `head` is used.
  void OfferIndirect(uint16_t head, uint64_t table, std::initializer_list<DriverBuffer> buffers);

  void SetDescriptor(uint16_t index, const RingDescriptor& descriptor) const;
  // An entry of an indirect table.
  void SetIndirect(uint64_t table, uint32_t index, const RingDescriptor& descriptor) const;
  // Puts `head` in the next place of the available ring and moves the index.
  void MakeAvailable(uint16_t head);
  void SetAvailableIndex(uint16_t index);
  void SetAvailableFlags(uint16_t flags) const;
  void SetUsedEvent(uint16_t index) const;

  [[nodiscard]] uint16_t used_index() const;
  [[nodiscard]] uint16_t used_flags() const;
  [[nodiscard]] uint16_t available_event() const;
  // The element at free-running `index`.
  [[nodiscard]] UsedElement used(uint16_t index) const;

 private:
  void WriteTable(uint64_t table, uint16_t first, std::span<const DriverBuffer> buffers) const;

  const GuestMemory& memory_;
  QueueLayout layout_;
  uint16_t size_;
  uint16_t available_index_ = 0;
};

}  // namespace mayfly::virtio
