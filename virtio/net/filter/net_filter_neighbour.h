#pragma once

#include <cstdint>

#include "virtio/net/filter/net_filter_identity.h"
#include "virtio/net/filter/net_filter_packet.h"
#include "virtio/net/filter/net_filter_verdict.h"

namespace mayfly::virtio {

// Types of ICMPv6 messages (IANA's numbers) that say something about the link.
enum class Icmp6Type : uint8_t {
  kListenerQuery = 130,
  kListenerReport = 131,
  kListenerDone = 132,
  kRouterSolicitation = 133,
  kRouterAdvertisement = 134,
  kNeighbourSolicitation = 135,
  kNeighbourAdvertisement = 136,
  kRedirect = 137,
  kRouterRenumbering = 138,
  kInverseSolicitation = 141,
  kInverseAdvertisement = 142,
  kListenerReport2 = 143,
  kMulticastRouterAdvertisement = 151,
};

// The hop limit of neighbour discovery's messages: no router has let them through (RFC 4861, 3.1).
inline constexpr uint8_t kNeighbourHopLimit = 255;

// Whether a neighbour discovery message that a host sends is one that receivers take (RFC 4861, 6.1
// and 7.1), and speaks for `identity` only: the addresses that it claims, and the MAC address that
// it gives for them. Its source is not looked at, but for being unspecified.
[[nodiscard]] NetFilterVerdict CheckNeighbourMessage(const IpPacket& packet,
                                                     const NetFilterIdentity& identity);

}  // namespace mayfly::virtio
