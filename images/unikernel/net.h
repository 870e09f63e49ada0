#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "images/unikernel/virtio_mmio.h"
#include "images/unikernel/virtqueue.h"

namespace mayfly::guest {

// What precedes every frame in both directions (virtio 1.2, 5.1.6).
struct NetHeader {
  static constexpr uint8_t kNeedsChecksum = 1;  // of `flags`
  static constexpr uint8_t kGsoTcp4 = 1;        // of `gso_type`
  static constexpr uint8_t kGsoTcp6 = 4;

  uint8_t flags = 0;
  uint8_t gso_type = 0;
  uint16_t header_bytes = 0;     // of the frame, that every segment repeats
  uint16_t gso_bytes = 0;        // payload of a segment
  uint16_t checksum_start = 0;   // in the frame
  uint16_t checksum_offset = 0;  // from there
  uint16_t buffers = 0;          // that a received packet takes
};
static_assert(sizeof(NetHeader) == 12);

using MacAddress = std::array<uint8_t, 6>;

struct NetOptions {
  static constexpr uint64_t kChecksum = uint64_t{1} << 0;
  static constexpr uint64_t kGuestChecksum = uint64_t{1} << 1;
  static constexpr uint64_t kGuestTso4 = uint64_t{1} << 7;
  static constexpr uint64_t kGuestTso6 = uint64_t{1} << 8;
  static constexpr uint64_t kHostTso4 = uint64_t{1} << 11;
  static constexpr uint64_t kHostTso6 = uint64_t{1} << 12;
  static constexpr uint64_t kMergeableBuffers = uint64_t{1} << 15;

  // Used where the device has them.
  uint64_t features = kChecksum | kGuestChecksum | kGuestTso4 | kGuestTso6 | kHostTso4 | kHostTso6 |
                      kMergeableBuffers | Virtqueue::kFeatureIndirect |
                      Virtqueue::kFeatureEventIndex;
};

// A packet that arrived: its header, and the frame in pieces.
struct NetPacket {
  NetHeader header;
  std::span<const std::span<const std::byte>> pieces;
  size_t bytes = 0;  // of the frame
};

// A virtio-net device with one pair of queues. Boot CPU only.
class NetDevice final {
 public:
  // All of them, in the order of the command line; those that refuse to be driven are left out.
  [[nodiscard]] static std::vector<std::unique_ptr<NetDevice>> FindAll(NetOptions options = {});

  NetDevice(const NetDevice&) = delete;
  NetDevice& operator=(const NetDevice&) = delete;

  // All zeros where the device has none.
  [[nodiscard]] const MacAddress& mac() const { return mac_; }
  // What was negotiated.
  [[nodiscard]] uint64_t features() const { return device_.features(); }

  // Queues a packet, which begins with a NetHeader, and which stays in place until it is sent.
  // Packets are sent in their order. False while the queue is full.
  [[nodiscard]] bool Send(std::span<const std::byte> packet);
  // Shows the device what was queued.
  void KickSend();
  // How many packets have been sent since the last call.
  size_t TakeSent();
  [[nodiscard]] size_t sending() const { return send_.in_flight(); }

  // The next packet; nothing if there is none. It is gone with the next call.
  [[nodiscard]] std::optional<NetPacket> Receive();

  // Rests until a packet may be there.
  void WaitForPacket();
  // Rests until a part of what is being sent may have been.
  void WaitForRoom();

  // Since the begin: notifications of the device, interrupts from it.
  [[nodiscard]] uint64_t kicks() const { return kicks_; }
  [[nodiscard]] uint64_t interrupts() const { return interrupts_; }

 private:
  static constexpr size_t kBufferBytes = 4096;
  // Those of the longest packet, 64 KiB and its header, and one to be on the safe side.
  static constexpr size_t kMaxPieces = 18;

  explicit NetDevice(const VirtioMmio& device);
  // Where every packet must have room in a single buffer.
  [[nodiscard]] static size_t BufferBytes(uint64_t features);
  [[nodiscard]] std::span<std::byte> Buffer(size_t index);
  void Offer(uint16_t buffer);
  void GiveBack();
  void KickReceive();
  void Kick(Virtqueue& queue, uint32_t index);
  void OnInterrupt();

  VirtioMmio device_;
  Virtqueue receive_;
  Virtqueue send_;
  MacAddress mac_{};
  size_t buffer_bytes_;
  std::vector<std::byte> memory_;
  std::array<uint16_t, Virtqueue::kMaxSize> buffers_{};  // by token
  // The packet that Receive() returned last.
  std::array<std::span<const std::byte>, kMaxPieces> pieces_{};
  std::array<uint16_t, kMaxPieces> taken_{};
  size_t taken_count_ = 0;
  size_t unpublished_ = 0;  // buffers offered that the device does not know of
  uint64_t kicks_ = 0;
  uint64_t interrupts_ = 0;
};

}  // namespace mayfly::guest
