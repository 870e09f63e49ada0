#include "virtio/testing/driver_ring.h"

#include "base/checked.h"

namespace mayfly::virtio {
namespace {

// The rings lie in RAM because the test put them there; anything else is a mistake of the test.
template <typename T>
void Store(const GuestMemory& memory, uint64_t address, const T& value) {
  if (!memory.Store(address, value).ok()) __builtin_trap();
}

template <typename T>
T Load(const GuestMemory& memory, uint64_t address) {
  return memory.Load<T>(address).value();
}

}  // namespace

DriverRing::DriverRing(const GuestMemory& memory, uint64_t base, uint16_t size)
    : memory_(memory), size_(size) {
  layout_.size = size;
  layout_.descriptors = base;
  layout_.available = base + DescriptorTableSize(size);
  layout_.used =
      *AlignUp<uint64_t>(layout_.available + AvailableRingSize(size), kUsedRingAlignment);
}

uint64_t DriverRing::end() const {
  return *AlignUp<uint64_t>(layout_.used + UsedRingSize(size_), kDescriptorTableAlignment);
}

void DriverRing::Clear() {
  available_index_ = 0;
  if (!memory_.Fill(layout_.descriptors, end() - layout_.descriptors, std::byte{0}).ok()) {
    __builtin_trap();
  }
}

void DriverRing::WriteTable(uint64_t table, uint16_t first,
                            std::span<const DriverBuffer> buffers) const {
  for (size_t i = 0; i < buffers.size(); ++i) {
    const bool last = i + 1 == buffers.size();
    const auto index = static_cast<uint16_t>(first + i);
    const int flags = (buffers[i].writable ? kDescriptorWrite : 0) | (last ? 0 : kDescriptorNext);
    SetIndirect(table, index,
                {.address = buffers[i].address,
                 .length = buffers[i].length,
                 .flags = static_cast<uint16_t>(flags),
                 .next = static_cast<uint16_t>(last ? 0 : index + 1)});
  }
}

void DriverRing::Offer(uint16_t first, std::initializer_list<DriverBuffer> buffers) {
  WriteTable(layout_.descriptors, first, buffers);
  MakeAvailable(first);
}

void DriverRing::OfferIndirect(uint16_t head, uint64_t table,
                               std::initializer_list<DriverBuffer> buffers) {
  WriteTable(table, 0, buffers);
  SetDescriptor(head, {.address = table,
                       .length = static_cast<uint32_t>(DescriptorTableSize(buffers.size())),
                       .flags = kDescriptorIndirect});
  MakeAvailable(head);
}

void DriverRing::SetDescriptor(uint16_t index, const RingDescriptor& descriptor) const {
  SetIndirect(layout_.descriptors, index, descriptor);
}

void DriverRing::SetIndirect(uint64_t table, uint32_t index,
                             const RingDescriptor& descriptor) const {
  Store(memory_, table + DescriptorTableSize(index), descriptor);
}

void DriverRing::MakeAvailable(uint16_t head) {
  const uint64_t slot = available_index_ % size_;
  Store(memory_, layout_.available + kAvailableRing + slot * kAvailableEntrySize, head);
  SetAvailableIndex(static_cast<uint16_t>(available_index_ + 1));
}

void DriverRing::SetAvailableIndex(uint16_t index) {
  available_index_ = index;
  Store(memory_, layout_.available + kAvailableIndex, index);
}

void DriverRing::SetAvailableFlags(uint16_t flags) const {
  Store(memory_, layout_.available + kAvailableFlags, flags);
}

void DriverRing::SetUsedEvent(uint16_t index) const {
  Store(memory_, layout_.available + UsedEventOffset(size_), index);
}

uint16_t DriverRing::used_index() const {
  return Load<uint16_t>(memory_, layout_.used + kUsedIndex);
}

uint16_t DriverRing::used_flags() const {
  return Load<uint16_t>(memory_, layout_.used + kUsedFlags);
}

uint16_t DriverRing::available_event() const {
  return Load<uint16_t>(memory_, layout_.used + AvailableEventOffset(size_));
}

UsedElement DriverRing::used(uint16_t index) const {
  const uint64_t slot = index % size_;
  return Load<UsedElement>(memory_, layout_.used + kUsedRing + slot * kUsedElementSize);
}

}  // namespace mayfly::virtio
