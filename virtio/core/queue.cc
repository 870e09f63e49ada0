#include "virtio/core/queue.h"

#include <limits.h>

#include <atomic>
#include <bit>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/checked.h"
#include "base/status.h"
#include "virtio/core/shared_memory.h"
#include "virtio/protocol/features.h"
#include "virtio/protocol/ring_layout.h"

namespace mayfly::virtio {
namespace {

// What the buffers of one chain can have together (virtio 1.2, 2.7.4); also what `length` of the
// used ring can say.
constexpr uint64_t kMaxChainBytes = std::numeric_limits<uint32_t>::max();
// Of one call of preadv(2).
static_assert(kMaxQueueSize <= IOV_MAX);

// The host's view of an area of the queue.
absl::StatusOr<std::byte*> FindArea(const GuestMemory& memory, std::string_view name,
                                    uint64_t address, uint64_t size, uint64_t alignment) {
  if (!IsAligned(address, alignment)) {
    return absl::InvalidArgumentError(absl::StrFormat("its %s at %#x is not aligned to %u bytes",
                                                      ToAbsl(name), address, alignment));
  }
  std::byte* const host = memory.TryTranslate(address, size);
  if (host == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrFormat("its %s, %u bytes at %#x, is not all RAM", ToAbsl(name), size, address));
  }
  return host;
}

}  // namespace

absl::Status Queue::Activate(const GuestMemory& memory, const QueueLayout& layout,
                             uint16_t max_size, uint64_t features) {
  Deactivate();
  if (!std::has_single_bit(layout.size) || layout.size > max_size || max_size > kMaxQueueSize) {
    return absl::InvalidArgumentError(
        absl::StrFormat("its size of %u is no power of two from 1 to %u", layout.size, max_size));
  }
  MAYFLY_ASSIGN_OR_RETURN(descriptors_,
                          FindArea(memory, "descriptor table", layout.descriptors,
                                   DescriptorTableSize(layout.size), kDescriptorTableAlignment));
  MAYFLY_ASSIGN_OR_RETURN(available_,
                          FindArea(memory, "available ring", layout.available,
                                   AvailableRingSize(layout.size), kAvailableRingAlignment));
  MAYFLY_ASSIGN_OR_RETURN(used_, FindArea(memory, "used ring", layout.used,
                                          UsedRingSize(layout.size), kUsedRingAlignment));
  memory_ = &memory;
  event_index_ = (features & kFeatureEventIndex) != 0;
  indirect_ = (features & kFeatureIndirectDescriptors) != 0;
  size_ = static_cast<uint16_t>(layout.size);
  return absl::OkStatus();
}

absl::Status Queue::Break(std::string_view what) {
  broken_ = true;
  return absl::FailedPreconditionError(ToAbsl(what));
}

absl::StatusOr<bool> Queue::SeeAvailable() {
  if (next_available_ != seen_available_) return true;
  // Acquire: the ring entries and descriptors that the driver wrote before its index are seen after
  // it.
  const uint16_t index = RingField(available_ + kAvailableIndex).load(std::memory_order_acquire);
  const auto waiting = static_cast<uint16_t>(index - next_available_);
  if (waiting > size_) {
    return Break(absl::StrFormat(
        "the available index jumped from %u to %u, by more than the %u entries of the ring",
        next_available_, index, size_));
  }
  seen_available_ = index;
  return waiting != 0;
}

absl::StatusOr<bool> Queue::Pop(Chain& chain) {
  if (!active() || broken_) return false;
  MAYFLY_ASSIGN_OR_RETURN(const bool available, SeeAvailable());
  if (!available) return false;
  if (in_flight_ == size_) {
    return Break(
        absl::StrFormat("more chains are in flight than the %u descriptors there are", size_));
  }
  const size_t slot = next_available_ & (size_ - 1U);
  const uint16_t head = RingField(available_ + kAvailableRing + slot * kAvailableEntrySize)
                            .load(std::memory_order_relaxed);
  chain.head = head;
  chain.readable.Clear();
  chain.writable.Clear();
  MAYFLY_RETURN_IF_ERROR(Walk(head, chain));
  ++next_available_;
  ++in_flight_;
  return true;
}

absl::Status Queue::Walk(uint16_t head, Chain& chain) {
  Table table{.entries = descriptors_, .count = size_, .indirect = false};
  uint32_t index = head;
  // A chain has no more buffers than the queue has entries, indirect or not (2.7.5.3.1): loops end
  // here.
  uint32_t buffers = 0;
  while (true) {
    if (index >= table.count) {
      return Break(absl::StrFormat("descriptor %u does not exist: the %s table has %u", index,
                                   table.indirect ? "indirect" : "descriptor", table.count));
    }
    const auto descriptor =
        CopyOnce<RingDescriptor>(table.entries + size_t{index} * kDescriptorSize);
    if ((descriptor.flags & kDescriptorIndirect) != 0) {
      MAYFLY_RETURN_IF_ERROR(
          EnterIndirect(descriptor.address, descriptor.length, descriptor.flags, table));
      index = 0;
      continue;
    }
    if (buffers++ == size_) {
      return Break(absl::StrFormat(
          "the chain of descriptor %u is a loop, or longer than the %u entries of the queue", head,
          size_));
    }
    MAYFLY_RETURN_IF_ERROR(
        AddBuffer(descriptor.address, descriptor.length, descriptor.flags, chain));
    if ((descriptor.flags & kDescriptorNext) == 0) return absl::OkStatus();
    index = descriptor.next;
  }
}

// The flags but for `indirect` say nothing here: kDescriptorWrite is to be ignored (2.7.5.3.2).
absl::Status Queue::EnterIndirect(uint64_t address, uint32_t length, uint16_t flags, Table& table) {
  if (!indirect_) return Break("an indirect descriptor, which was not negotiated");
  if (table.indirect) return Break("an indirect descriptor within an indirect table");
  if ((flags & kDescriptorNext) != 0) return Break("an indirect descriptor has a next one");
  if (length == 0 || length % kDescriptorSize != 0) {
    return Break(absl::StrFormat("an indirect table of %u bytes, no multiple of %u", length,
                                 kDescriptorSize));
  }
  const std::byte* const entries = memory_->TryTranslate(address, length);
  if (entries == nullptr) {
    return Break(absl::StrFormat("an indirect table of %u bytes at %#x, which is not all RAM",
                                 length, address));
  }
  table = {.entries = entries,
           .count = static_cast<uint32_t>(length / kDescriptorSize),
           .indirect = true};
  return absl::OkStatus();
}

absl::Status Queue::AddBuffer(uint64_t address, uint32_t length, uint16_t flags, Chain& chain) {
  const bool writable = (flags & kDescriptorWrite) != 0;
  if (!writable && chain.writable.size() != 0) {
    return Break("a buffer for the device to read comes after one for it to write");
  }
  // Not forbidden, and without a byte there is nothing to look for.
  if (length == 0) return absl::OkStatus();
  std::byte* const host = memory_->TryTranslate(address, length);
  if (host == nullptr) {
    return Break(
        absl::StrFormat("a buffer of %u bytes at %#x, which is not all RAM", length, address));
  }
  if (chain.readable.size() + chain.writable.size() > kMaxChainBytes - length) {
    return Break(absl::StrFormat("a chain of more than %u bytes", kMaxChainBytes));
  }
  (writable ? chain.writable : chain.readable).Append(host, length);
  return absl::OkStatus();
}

void Queue::Push(uint16_t head, uint32_t written) {
  if (!active() || broken_ || in_flight_ == 0) return;
  const size_t slot = next_used_ & (size_ - 1U);
  const UsedElement element{.id = head, .length = written};
  std::memcpy(used_ + kUsedRing + slot * kUsedElementSize, &element, sizeof element);
  ++next_used_;
  --in_flight_;
}

bool Queue::Publish() {
  if (!active() || broken_ || next_used_ == published_used_) return false;
  const uint16_t published_before = std::exchange(published_used_, next_used_);
  // Release: the elements, and the data in the buffers, are seen before the index.
  RingField(used_ + kUsedIndex).store(next_used_, std::memory_order_release);
  // The driver writes its wish, then looks at the index; we write the index, then look at its wish.
  // A full barrier on each side, so that one of the two sees the other (2.7.7.2).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return DriverWantsInterrupt(published_before);
}

bool Queue::DriverWantsInterrupt(uint16_t published_before) const {
  if (!event_index_) {
    const uint16_t flags = RingField(available_ + kAvailableFlags).load(std::memory_order_relaxed);
    return (flags & kAvailableNoInterrupt) == 0;
  }
  // Whether the index went past used_event, in free-running 16-bit numbers.
  const uint16_t event =
      RingField(available_ + UsedEventOffset(size_)).load(std::memory_order_relaxed);
  return static_cast<uint16_t>(published_used_ - event - 1) <
         static_cast<uint16_t>(published_used_ - published_before);
}

void Queue::DisableNotifications() {
  if (!active() || broken_ || event_index_) return;  // an avail_event left behind asks for nothing
  RingField(used_ + kUsedFlags).store(kUsedNoNotify, std::memory_order_relaxed);
}

bool Queue::EnableNotifications() {
  if (!active() || broken_) return true;
  if (event_index_) {
    RingField(used_ + AvailableEventOffset(size_))
        .store(next_available_, std::memory_order_relaxed);
  } else {
    RingField(used_ + kUsedFlags).store(0, std::memory_order_relaxed);
  }
  // As in Publish(): the wish is seen before the last look at the ring.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return RingField(available_ + kAvailableIndex).load(std::memory_order_acquire) == next_available_;
}

}  // namespace mayfly::virtio
