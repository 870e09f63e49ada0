#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "virtio/net/mac_address.h"

namespace mayfly::virtio::frames {

// Ethernet frames, piece by piece, right or wrong. Checksums are left zero.

using Bytes = std::vector<std::byte>;

[[nodiscard]] Bytes Join(std::initializer_list<Bytes> pieces);
// In the network's order.
[[nodiscard]] Bytes Be8(unsigned value);
[[nodiscard]] Bytes Be16(unsigned value);
// What IpAddress::Parse() takes; traps on other text.
[[nodiscard]] Bytes Ip(std::string_view address);
[[nodiscard]] Bytes Mac(const MacAddress& mac);
[[nodiscard]] Bytes Zeroes(size_t count);

inline constexpr uint16_t kIpv4Type = 0x0800;
inline constexpr uint16_t kArpType = 0x0806;
inline constexpr uint16_t kIpv6Type = 0x86dd;

// To the broadcast address.
[[nodiscard]] Bytes Ethernet(const MacAddress& source, uint16_t type, const Bytes& payload);

struct Ipv4 {
  std::string_view source = "0.0.0.0";
  std::string_view destination = "0.0.0.0";
  uint8_t protocol = 0;
  uint8_t ttl = 64;
  uint16_t fragment = 0;  // flags and offset
  Bytes options = {};     // a multiple of 4
  Bytes payload = {};
};
[[nodiscard]] Bytes Ipv4Packet(const Ipv4& packet);

struct Ipv6 {
  std::string_view source = "::";
  std::string_view destination = "::";
  uint8_t next = 0;
  uint8_t hop_limit = 64;
  Bytes payload = {};  // with extension headers
};
[[nodiscard]] Bytes Ipv6Packet(const Ipv6& packet);

// An options header (hop-by-hop, destination); `options`: 6 and multiples of 8 bytes more.
[[nodiscard]] Bytes Ipv6Options(uint8_t next, const Bytes& options);
// A fragment header; `field`: offset and flags.
[[nodiscard]] Bytes Ipv6Fragment(uint8_t next, uint16_t field);

[[nodiscard]] Bytes Udp(uint16_t source, uint16_t destination);
[[nodiscard]] Bytes Tcp(uint16_t source, uint16_t destination);
// ICMP, ICMPv6, IGMP: type, and a body behind type, code and checksum.
[[nodiscard]] Bytes Icmp(uint8_t type, const Bytes& body = Zeroes(4));
// A neighbour solicitation or advertisement.
[[nodiscard]] Bytes Neighbour(uint8_t type, std::string_view target, const Bytes& options = {});
// Their option with a MAC address: 1 source, 2 target.
[[nodiscard]] Bytes LinkLayer(uint8_t kind, const MacAddress& mac);
// 1: a request; 2: a reply.
[[nodiscard]] Bytes Arp(uint16_t operation, const MacAddress& sender, std::string_view address,
                        std::string_view target);

}  // namespace mayfly::virtio::frames
