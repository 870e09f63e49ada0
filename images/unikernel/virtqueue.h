#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace mayfly::guest {

enum class VirtioDirection : uint8_t { kToDevice, kFromDevice };

struct VirtioBuffer {
  const void* data = nullptr;
  uint32_t bytes = 0;
  VirtioDirection direction = VirtioDirection::kToDevice;
};

// The driver's side of a split virtqueue (virtio 1.2, 2.7). One CPU at a time.
class Virtqueue final {
 public:
  static constexpr uint32_t kMaxSize = 256;  // descriptors
  static constexpr size_t kMaxChain = 4;     // buffers of one request
  static constexpr uint64_t kFeatureIndirect = uint64_t{1} << 28;
  static constexpr uint64_t kFeatureEventIndex = uint64_t{1} << 29;

  // `limit`: what the device allows; `features`: what was negotiated, of which the two above matter
  // here.
  Virtqueue(uint32_t limit, uint64_t features);

  // Queues a request of up to kMaxChain buffers, those to the device first, which the device sees
  // after the next Publish(). Returns a token that TakeUsed() will return, less than kMaxSize;
  // nothing while there is no room.
  [[nodiscard]] std::optional<uint16_t> Add(std::span<const VirtioBuffer> buffers);

  // Shows the device what was added. Returns whether it wants to be notified.
  [[nodiscard]] bool Publish();

  struct Completion {
    uint16_t token = 0;
    uint32_t written = 0;  // bytes by the device, in the buffers from it
  };
  // A request that the device has completed; nothing if there is none.
  [[nodiscard]] std::optional<Completion> TakeUsed();

  // Has the device interrupt when it has completed the next request, or, with the event index, as
  // many of the next as `count` says; it starts with no interrupts. Returns whether that many are
  // complete already, for which no interrupt comes.
  bool RequestInterrupt(uint16_t count = 1);
  void SuppressInterrupts();

  [[nodiscard]] uint32_t size() const { return size_; }
  // Requests that were added and not taken back.
  [[nodiscard]] uint16_t in_flight() const { return static_cast<uint16_t>(added_ - taken_); }
  [[nodiscard]] const void* descriptors() const { return rings_->descriptors.data(); }
  [[nodiscard]] const void* available_ring() const { return &rings_->available; }
  [[nodiscard]] const void* used_ring() const { return &rings_->used; }

 private:
  struct Descriptor {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
  };
  struct UsedElement {
    uint32_t id;
    uint32_t written;
  };
  // Both rings end with the event index, which comes right after the last element in use.
  struct AvailableRing {
    uint16_t flags;
    uint16_t index;
    std::array<uint16_t, kMaxSize + 1> ring;
  };
  struct UsedRing {
    uint16_t flags;
    uint16_t index;
    std::array<UsedElement, kMaxSize + 1> ring;
  };
  struct Rings {
    std::array<Descriptor, kMaxSize> descriptors;
    alignas(2) AvailableRing available;
    alignas(4) UsedRing used;
    std::array<std::array<Descriptor, kMaxChain>, kMaxSize> indirect;
  };

  // The place of a free-running index in a ring; the size is a power of two.
  [[nodiscard]] size_t Slot(uint16_t index) const { return index & (size_ - 1); }
  [[nodiscard]] static Descriptor Describe(const VirtioBuffer& buffer);
  void AddDirect(std::span<const VirtioBuffer> buffers);
  void AddIndirect(std::span<const VirtioBuffer> buffers);
  [[nodiscard]] bool Has(uint64_t feature) const { return (features_ & feature) != 0; }

  std::unique_ptr<Rings> rings_;
  uint32_t size_;
  uint64_t features_;
  std::array<uint16_t, kMaxSize> free_{};     // a stack of unused descriptors
  std::array<uint16_t, kMaxSize> lengths_{};  // of the chains, by token
  uint32_t free_count_;
  uint16_t added_ = 0;
  uint16_t published_ = 0;
  uint16_t taken_ = 0;
};

}  // namespace mayfly::guest
