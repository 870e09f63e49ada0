#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/net/filter/net_filter_verdict.h"
#include "virtio/net/filter/net_frame.h"
#include "virtio/net/ip_network.h"

namespace mayfly::virtio {

// Of a whole packet, how much an IP packet carries.
enum class IpFragment : uint8_t {
  kNone,   // all of it
  kFirst,  // its begin, with the transport's header
  kLater,  // none of its begin
};

// An IP packet, as far as its headers tell.
struct IpPacket {
  IpAddress source;
  IpAddress destination;
  IpProtocol protocol = IpProtocol::kTcp;  // or any other number; of the whole packet
  IpFragment fragment = IpFragment::kNone;
  uint8_t hop_limit = 0;  // IPv4's time to live
  // From the transport's header on, as far as the packet says that it goes and as there is of it.
  std::span<const std::byte> payload;
  uint64_t payload_bytes = 0;  // as the packet says

  [[nodiscard]] IpFamily family() const { return source.family(); }
};

// What cannot be looked at: cut off by the sender, or behind what we look at.
[[nodiscard]] NetFilterVerdict WhyMissing(const IpPacket& packet);

// Read `packet`, of which `bytes` is the begin (all, where it is not longer), `packet_bytes` the
// length that the frame has for it. Padding behind is left out. kPass: `out` is complete, and
// nothing stands between the IP header and out.payload that would change source, destination or
// protocol; the ports of TCP and UDP, and the type, code and checksum of ICMP, ICMPv6 and IGMP are
// there unless it is a later fragment. (RFC 791; RFC 8200)
[[nodiscard]] NetFilterVerdict ReadIpv4(std::span<const std::byte> bytes, uint64_t packet_bytes,
                                        IpPacket& out);
[[nodiscard]] NetFilterVerdict ReadIpv6(std::span<const std::byte> bytes, uint64_t packet_bytes,
                                        IpPacket& out);

}  // namespace mayfly::virtio
