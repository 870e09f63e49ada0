#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tests/hostile/guest/registers.h"
#include "tests/hostile/guest/ring.h"
#include "virtio/protocol/features.h"
#include "virtio/protocol/net_protocol.h"

namespace mayfly::hostile {

// A virtio-net card of which one queue pair is used: a driver that does what it should, by polling,
// and everything in it open to one that does not. It sets up the queues of two, where there are as
// many.
//
// On the other end of the cable (tests/hostile/peer.h) somebody sends back every frame that says it
// is to be echoed, and notes whatever comes that should not have been let out.
class Nic final {
 public:
  static constexpr uint64_t kUsualFeatures =
      virtio::kRingFeatures | virtio::kNetFeatureMac | virtio::kNetFeatureStatus |
      virtio::kNetFeatureMergeableBuffers | virtio::kNetFeatureControlQueue;
  static constexpr uint32_t kReceive = 0;
  static constexpr uint32_t kSend = 1;
  static constexpr uint32_t kControl = 2;  // without multiqueue: see control()
  static constexpr size_t kFrameBytes = 2048;
  static constexpr uint16_t kReceiveBuffers = 64;

  // Ethernet: 14 bytes of addresses and type, then what this type has of its own.
  static constexpr size_t kMacBytes = 6;
  static constexpr uint16_t kTestType = 0x88b5;  // for experiments (IEEE 802)
  static constexpr uint8_t kEcho = 'E';          // in the byte after the type
  static constexpr uint8_t kSink = 'S';
  static constexpr uint8_t kMischief = 'M';  // the peer is to do what it is there for
  static constexpr size_t kSmallest = 60;    // bytes of a frame

  explicit Nic(Registers registers);

  [[nodiscard]] const Registers& registers() const { return registers_; }
  [[nodiscard]] Ring& ring(uint32_t queue) { return *rings_[queue]; }
  // The number of the control queue, as it was negotiated.
  [[nodiscard]] uint32_t control() const { return control_; }
  [[nodiscard]] bool needs_reset() const;
  [[nodiscard]] bool has_link() const;

  // The whole initialisation with those of `features` that are offered. `buffers` are given to the
  // receive queue. Returns whether the device is alive.
  bool Begin(uint64_t features = kUsualFeatures, uint16_t buffers = kReceiveBuffers);
  // As Begin() up to DRIVER_OK, which is left to the caller.
  void Prepare(uint64_t features = kUsualFeatures);

  // The frame that goes out next, and its header.
  [[nodiscard]] virtio::NetHeader& header() { return send_->header; }
  [[nodiscard]] std::span<std::byte> frame() { return send_->frame; }
  // Makes of the frame one that the host takes: to everybody, from this card, of kTestType.
  void Address(uint8_t purpose, uint64_t number = 0);
  // Sends header() and the first `bytes` of frame(). Whether the device takes it, or drops it: it
  // gives the chain back. False where it does not.
  bool Send(size_t bytes);
  // Offers a chain in a queue, as it is, and kicks.
  void Offer(uint32_t queue, std::initializer_list<RingDescriptor> descriptors);
  // Puts header() and the first `bytes` of frame() in every place of a send queue.
  void Fill(uint32_t queue, size_t bytes);
  // Makes available again what the device has given back, and kicks: from one CPU at a time.
  void Refill(uint32_t queue);
  // Until the device has returned `count` chains more of the send or control queue.
  [[nodiscard]] bool AwaitUsed(uint32_t queue, uint16_t count);
  [[nodiscard]] bool AwaitNeedsReset() const;
  // A command of the control queue, as a driver should; the answer, nothing where none comes.
  [[nodiscard]] std::optional<uint8_t> Command(uint8_t command_class, uint8_t command,
                                               std::span<const std::byte> data);

  // Whether a frame goes out, and its echo comes in.
  [[nodiscard]] bool Echoes();

 private:
  static constexpr uint32_t kMaxQueues = 5;
  struct ReceiveBuffer {
    virtio::NetHeader header;
    std::array<std::byte, kFrameBytes> frame;
  };
  struct SendBuffer {
    virtio::NetHeader header;
    alignas(16) std::array<std::byte, size_t{128} << 10> frame;
  };

  void GiveBack(uint16_t buffer);
  // Takes what has been received, gives the buffers back; whether the echo of `number` was there.
  bool TakeEcho(uint64_t number);

  const Registers registers_;
  std::vector<std::unique_ptr<Ring>> rings_;
  std::vector<uint16_t> seen_used_;
  uint32_t control_ = kControl;
  const std::unique_ptr<std::array<ReceiveBuffer, kReceiveBuffers>> received_;
  const std::unique_ptr<SendBuffer> send_;
  uint64_t echoes_ = 0;
  uint8_t ack_ = 0;
};

}  // namespace mayfly::hostile
