#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "tests/hostile/guest/registers.h"
#include "virtio/protocol/ring_layout.h"

namespace mayfly::hostile {

using virtio::RingDescriptor;
using virtio::UsedElement;

template <typename T>
[[nodiscard]] uint64_t AddressOf(const T* object) {
  return reinterpret_cast<uint64_t>(object);
}

// A split virtqueue that is written by hand, each area on pages of its own. Checks nothing: it is
// for rings that no driver would write.
class Ring final {
 public:
  static constexpr uint16_t kMaxSize = 1024;

  // `size`: entries, at most kMaxSize.
  explicit Ring(uint16_t size);

  [[nodiscard]] uint16_t size() const { return size_; }
  [[nodiscard]] QueuePlace place() const;
  // All zero, as a driver that begins anew finds it.
  void Clear();

  void Set(uint16_t index, const RingDescriptor& descriptor) const;
  // Descriptors from `first` on, one after the other, as they are.
  void Set(uint16_t first, std::span<const RingDescriptor> descriptors) const;
  // Puts `head` in the next place of the available ring, and moves the index.
  void Offer(uint16_t head);
  // The same without moving the index, `ahead` places after the next one.
  void SetAvailable(uint16_t ahead, uint16_t head) const;
  void SetAvailableIndex(uint16_t index);
  [[nodiscard]] uint16_t available_index() const { return available_index_; }
  void SetAvailableFlags(uint16_t flags) const;
  void SetUsedEvent(uint16_t index) const;

  [[nodiscard]] uint16_t used_index() const;
  // The element at free-running `index`.
  [[nodiscard]] UsedElement used(uint16_t index) const;
  [[nodiscard]] std::span<std::byte> descriptor_bytes() const;
  [[nodiscard]] std::span<std::byte> available_bytes() const;
  [[nodiscard]] std::span<std::byte> used_bytes() const;

 private:
  struct Areas {
    alignas(4096) std::byte descriptors[virtio::DescriptorTableSize(kMaxSize)];
    alignas(4096) std::byte available[virtio::AvailableRingSize(kMaxSize)];
    alignas(4096) std::byte used[virtio::UsedRingSize(kMaxSize)];
  };
  template <typename T>
  static void Store(std::byte* at, T value);
  template <typename T>
  static T Load(const std::byte* at);

  const std::unique_ptr<Areas> areas_;
  uint16_t size_;
  uint16_t available_index_ = 0;
};

}  // namespace mayfly::hostile
