#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "virtio/net/filter/net_frame.h"
#include "virtio/protocol/net_protocol.h"

namespace mayfly::virtio {

// Holds a packet's NetHeader against what was negotiated and against the frame, so that whoever
// acts on it (the host's network stack) can rely on it.
//
// A checksum that the device is asked for is two bytes that change after the frame was looked at:
// it is allowed only where a checksum belongs, so that nobody writes an address or a port with it.
//
// Threading: immutable but for SetGuestOffloads(); one thread at a time.
class NetHeaderCheck final {
 public:
  // What is wrong with a packet.
  enum class Fault : uint8_t {
    kNone,
    kTooShort,       // no NetHeader, or no Ethernet header
    kTooLong,        // for the MTU, or for an IP packet
    kNotNegotiated,  // asks for an offload without its feature
    kChecksum,       // the checksum's place is not where the frame has one
    kSegmentation,   // the frame is not what gso_type says, or cannot be cut so
    kCount,
  };

  // `features`: negotiated. `mtu`: of NetConfig, 0 where it does not say one.
  NetHeaderCheck(uint64_t features, uint16_t mtu);

  // Of a packet from the driver (5.1.6.2). `head`: the frame's first bytes, as many as headers may
  // take, or all; memory that nobody changes. Puts right in `header` what may be ignored or is only
  // a hint.
  [[nodiscard]] Fault CheckOutgoing(NetHeader& header, std::span<const std::byte> head,
                                    uint64_t frame_bytes) const;

  // The guest offloads in use; at first, all that were negotiated.
  void SetGuestOffloads(uint64_t offloads) { guest_offloads_ = offloads; }
  [[nodiscard]] uint64_t guest_offloads() const { return guest_offloads_; }
  // Whether the driver is prepared for a packet with this header (5.1.6.4.1); takes out of it what
  // the driver needs not know.
  [[nodiscard]] bool CheckIncoming(NetHeader& header) const;

  // For people: "shorter than its headers".
  [[nodiscard]] static std::string_view Describe(Fault fault);

 private:
  [[nodiscard]] static Fault CheckChecksum(const NetHeader& header,
                                           const std::optional<NetTransport>& transport,
                                           uint64_t frame_bytes);
  [[nodiscard]] Fault CheckSegmentation(NetHeader& header, const NetTransport& transport,
                                        std::span<const std::byte> head,
                                        uint64_t frame_bytes) const;

  const uint64_t features_;
  const uint64_t max_frame_;  // bytes, of one that is not to be cut
  uint64_t guest_offloads_;
};

}  // namespace mayfly::virtio
