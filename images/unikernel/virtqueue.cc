#include "images/unikernel/virtqueue.h"

#include <algorithm>
#include <atomic>
#include <bit>

namespace mayfly::guest {
namespace {

// Virtio 1.2, 2.7.5, 2.7.6 and 2.7.8.
constexpr uint16_t kDescriptorNext = 1;
constexpr uint16_t kDescriptorWrite = 2;
constexpr uint16_t kDescriptorIndirect = 4;
constexpr uint16_t kNoInterrupt = 1;
constexpr uint16_t kNoNotify = 1;

uint16_t LoadAcquire(const uint16_t& shared) {
  return std::atomic_ref(const_cast<uint16_t&>(shared)).load(std::memory_order_acquire);
}

void StoreRelease(uint16_t& shared, uint16_t value) {
  std::atomic_ref(shared).store(value, std::memory_order_release);
}

}  // namespace

Virtqueue::Virtqueue(uint32_t limit, uint64_t features)
    : rings_(std::make_unique<Rings>()),
      size_(std::bit_floor(std::min(limit, kMaxSize))),
      features_(features),
      free_count_(size_) {
  for (uint32_t index = 0; index < size_; ++index) {
    free_[index] = static_cast<uint16_t>(size_ - 1 - index);
  }
  SuppressInterrupts();
}

std::optional<uint16_t> Virtqueue::Add(std::span<const VirtioBuffer> buffers) {
  const bool indirect = Has(kFeatureIndirect) && buffers.size() > 1;
  const size_t needed = indirect ? 1 : buffers.size();
  if (buffers.empty() || buffers.size() > kMaxChain || needed > free_count_) return std::nullopt;
  const uint16_t head = free_[free_count_ - 1];
  lengths_[head] = static_cast<uint16_t>(needed);
  if (indirect) {
    AddIndirect(buffers);
  } else {
    AddDirect(buffers);
  }
  rings_->available.ring[Slot(added_)] = head;
  ++added_;
  return head;
}

Virtqueue::Descriptor Virtqueue::Describe(const VirtioBuffer& buffer) {
  return {
      .address = reinterpret_cast<uint64_t>(buffer.data),
      .bytes = buffer.bytes,
      .flags = buffer.direction == VirtioDirection::kFromDevice ? kDescriptorWrite : uint16_t{0},
      .next = 0};
}

void Virtqueue::AddDirect(std::span<const VirtioBuffer> buffers) {
  for (size_t index = 0; index < buffers.size(); ++index) {
    Descriptor& descriptor = rings_->descriptors[free_[--free_count_]];
    descriptor = Describe(buffers[index]);
    if (index + 1 == buffers.size()) break;
    descriptor.flags |= kDescriptorNext;
    descriptor.next = free_[free_count_ - 1];
  }
}

void Virtqueue::AddIndirect(std::span<const VirtioBuffer> buffers) {
  const uint16_t head = free_[--free_count_];
  auto& table = rings_->indirect[head];
  for (size_t index = 0; index < buffers.size(); ++index) {
    table[index] = Describe(buffers[index]);
    if (index + 1 == buffers.size()) break;
    table[index].flags |= kDescriptorNext;
    table[index].next = static_cast<uint16_t>(index + 1);
  }
  rings_->descriptors[head] = {.address = reinterpret_cast<uint64_t>(table.data()),
                               .bytes = static_cast<uint32_t>(buffers.size() * sizeof(Descriptor)),
                               .flags = kDescriptorIndirect,
                               .next = 0};
}

bool Virtqueue::Publish() {
  const uint16_t before = published_;
  published_ = added_;
  StoreRelease(rings_->available.index, added_);
  // The device looks at our index after it has set its event index, we do it the other way round:
  // neither may pass the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!Has(kFeatureEventIndex)) return (LoadAcquire(rings_->used.flags) & kNoNotify) == 0;
  const auto event = static_cast<uint16_t>(rings_->used.ring[size_].id);
  return static_cast<uint16_t>(added_ - event - 1) < static_cast<uint16_t>(added_ - before);
}

std::optional<Virtqueue::Completion> Virtqueue::TakeUsed() {
  if (LoadAcquire(rings_->used.index) == taken_) return std::nullopt;
  const UsedElement element = rings_->used.ring[Slot(taken_)];
  ++taken_;
  if (element.id >= size_) return std::nullopt;
  const auto head = static_cast<uint16_t>(element.id);
  uint16_t index = head;
  for (uint16_t count = lengths_[head]; count > 0; --count) {
    free_[free_count_++] = index;
    index = rings_->descriptors[index].next;
  }
  return Completion{.token = head, .written = element.written};
}

bool Virtqueue::RequestInterrupt(uint16_t count) {
  const auto ahead = static_cast<uint16_t>(Has(kFeatureEventIndex) ? count - 1 : 0);
  StoreRelease(rings_->available.flags, 0);
  StoreRelease(rings_->available.ring[size_], static_cast<uint16_t>(taken_ + ahead));
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return static_cast<uint16_t>(LoadAcquire(rings_->used.index) - taken_) > ahead;
}

void Virtqueue::SuppressInterrupts() {
  if (Has(kFeatureEventIndex)) {
    // The flag must stay 0 then (virtio 1.2, 2.7.7.1); an index just passed stays silent longest.
    StoreRelease(rings_->available.ring[size_], static_cast<uint16_t>(taken_ - 1));
  } else {
    StoreRelease(rings_->available.flags, kNoInterrupt);
  }
}

}  // namespace mayfly::guest
