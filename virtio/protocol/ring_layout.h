#pragma once

#include <cstddef>
#include <cstdint>

namespace mayfly::virtio {

// The split virtqueue in guest memory (virtio 1.2, 2.7): three areas, all little-endian.

// The descriptor table: an entry says where a buffer is (2.7.5).
struct RingDescriptor {
  uint64_t address = 0;  // guest physical
  uint32_t length = 0;   // bytes
  uint16_t flags = 0;
  uint16_t next = 0;  // index of the next, where kDescriptorNext is set
};
inline constexpr size_t kDescriptorSize = 16;
static_assert(sizeof(RingDescriptor) == kDescriptorSize);

inline constexpr uint16_t kDescriptorNext = 1;
inline constexpr uint16_t kDescriptorWrite = 2;  // the device writes, otherwise it reads
inline constexpr uint16_t kDescriptorIndirect = 4;

// The available ring, written by the driver: flags, idx, ring[size], used_event; each 16 bits
// (2.7.6).
inline constexpr size_t kAvailableFlags = 0;
inline constexpr size_t kAvailableIndex = 2;
inline constexpr size_t kAvailableRing = 4;
inline constexpr size_t kAvailableEntrySize = 2;
inline constexpr uint16_t kAvailableNoInterrupt = 1;

// An element of the used ring (2.7.8).
struct UsedElement {
  uint32_t id = 0;      // head of the chain
  uint32_t length = 0;  // bytes written to the chain's buffers
};
inline constexpr size_t kUsedElementSize = 8;
static_assert(sizeof(UsedElement) == kUsedElementSize);

// The used ring, written by the device: flags, idx (16 bits each), ring[size], avail_event (16
// bits).
inline constexpr size_t kUsedFlags = 0;
inline constexpr size_t kUsedIndex = 2;
inline constexpr size_t kUsedRing = 4;
inline constexpr uint16_t kUsedNoNotify = 1;

// The trailing used_event and avail_event.
inline constexpr size_t kEventSize = 2;

constexpr size_t DescriptorTableSize(size_t queue_size) { return queue_size * kDescriptorSize; }
constexpr size_t AvailableEventOffset(size_t queue_size) {
  return kUsedRing + queue_size * kUsedElementSize;
}
constexpr size_t UsedEventOffset(size_t queue_size) {
  return kAvailableRing + queue_size * kAvailableEntrySize;
}
constexpr size_t AvailableRingSize(size_t queue_size) {
  return UsedEventOffset(queue_size) + kEventSize;
}
constexpr size_t UsedRingSize(size_t queue_size) {
  return AvailableEventOffset(queue_size) + kEventSize;
}

// Where each area begins (2.7).
inline constexpr uint64_t kDescriptorTableAlignment = 16;
inline constexpr uint64_t kAvailableRingAlignment = 2;
inline constexpr uint64_t kUsedRingAlignment = 4;

}  // namespace mayfly::virtio
