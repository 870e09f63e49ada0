#include "tests/hostile/guest/ring.h"

#include <atomic>
#include <cstring>

namespace mayfly::hostile {

Ring::Ring(uint16_t size) : areas_(std::make_unique<Areas>()), size_(size) { Clear(); }

template <typename T>
void Ring::Store(std::byte* at, T value) {
  *reinterpret_cast<volatile T*>(at) = value;
}

template <typename T>
T Ring::Load(const std::byte* at) {
  return *reinterpret_cast<const volatile T*>(at);
}

QueuePlace Ring::place() const {
  return {.size = size_,
          .descriptors = AddressOf(areas_->descriptors),
          .available = AddressOf(areas_->available),
          .used = AddressOf(areas_->used)};
}

void Ring::Clear() {
  std::memset(areas_.get(), 0, sizeof(Areas));
  available_index_ = 0;
}

void Ring::Set(uint16_t index, const RingDescriptor& descriptor) const {
  std::byte* const at = areas_->descriptors + index * virtio::kDescriptorSize;
  Store(at + offsetof(RingDescriptor, address), descriptor.address);
  Store(at + offsetof(RingDescriptor, length), descriptor.length);
  Store(at + offsetof(RingDescriptor, flags), descriptor.flags);
  Store(at + offsetof(RingDescriptor, next), descriptor.next);
}

void Ring::Set(uint16_t first, std::span<const RingDescriptor> descriptors) const {
  for (const RingDescriptor& descriptor : descriptors) Set(first++, descriptor);
}

void Ring::SetAvailable(uint16_t ahead, uint16_t head) const {
  const size_t slot = (size_t{available_index_} + ahead) % size_;
  Store(areas_->available + virtio::kAvailableRing + slot * virtio::kAvailableEntrySize, head);
}

void Ring::Offer(uint16_t head) {
  SetAvailable(0, head);
  SetAvailableIndex(static_cast<uint16_t>(available_index_ + 1));
}

void Ring::SetAvailableIndex(uint16_t index) {
  available_index_ = index;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  Store(areas_->available + virtio::kAvailableIndex, index);
}

void Ring::SetAvailableFlags(uint16_t flags) const {
  Store(areas_->available + virtio::kAvailableFlags, flags);
}

void Ring::SetUsedEvent(uint16_t index) const {
  Store(areas_->available + virtio::UsedEventOffset(size_), index);
}

uint16_t Ring::used_index() const {
  const auto index = Load<uint16_t>(areas_->used + virtio::kUsedIndex);
  std::atomic_thread_fence(std::memory_order_acquire);
  return index;
}

UsedElement Ring::used(uint16_t index) const {
  const std::byte* const at =
      areas_->used + virtio::kUsedRing + index % size_ * virtio::kUsedElementSize;
  return {.id = Load<uint32_t>(at), .length = Load<uint32_t>(at + sizeof(uint32_t))};
}

std::span<std::byte> Ring::descriptor_bytes() const {
  return std::span(areas_->descriptors).first(virtio::DescriptorTableSize(size_));
}

std::span<std::byte> Ring::available_bytes() const {
  return std::span(areas_->available).first(virtio::AvailableRingSize(size_));
}

std::span<std::byte> Ring::used_bytes() const {
  return std::span(areas_->used).first(virtio::UsedRingSize(size_));
}

}  // namespace mayfly::hostile
