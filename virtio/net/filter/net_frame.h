#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio/net/ip_network.h"

namespace mayfly::virtio {

// The protocols above IP that offloads are about (IANA's numbers).
enum class IpProtocol : uint8_t {
  kIcmp = 1,
  kIgmp = 2,
  kTcp = 6,
  kUdp = 17,
  kIcmp6 = 58,
};

// Where in an Ethernet frame the header above IP begins.
struct NetTransport {
  IpFamily family = IpFamily::kV4;
  IpProtocol protocol = IpProtocol::kTcp;  // or any other number
  bool fragment = false;                   // of a larger packet
  size_t offset = 0;                       // bytes from the frame's begin; may be its end
};

// Looks behind at most two VLAN tags, and IPv4's options or IPv6's extension headers (RFC 8200, 4).
// `head`: the frame, or so much of its begin as there is. nullopt where it is not IP, or its
// headers reach beyond `head`.
[[nodiscard]] std::optional<NetTransport> FindTransport(std::span<const std::byte> head);

}  // namespace mayfly::virtio
