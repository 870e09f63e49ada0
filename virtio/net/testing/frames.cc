#include "virtio/net/testing/frames.h"

#include <algorithm>
#include <span>

#include "virtio/net/ip_network.h"

namespace mayfly::virtio::frames {
namespace {

constexpr unsigned kByteMask = 0xff;
constexpr unsigned kByteBits = 8;

}  // namespace

Bytes Join(std::initializer_list<Bytes> pieces) {
  Bytes all;
  for (const Bytes& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

Bytes Be8(unsigned value) { return {static_cast<std::byte>(value & kByteMask)}; }

Bytes Be16(unsigned value) { return Join({Be8(value >> kByteBits), Be8(value)}); }

Bytes Ip(std::string_view address) {
  const auto parsed = IpAddress::Parse(address);
  if (!parsed.ok()) __builtin_trap();
  const auto bytes = std::as_bytes(std::span(parsed->bytes()));
  const size_t size = parsed->bits() / kByteBits;
  return {bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)};
}

Bytes Mac(const MacAddress& mac) {
  const auto bytes = std::as_bytes(std::span(mac.bytes));
  return {bytes.begin(), bytes.end()};
}

Bytes Zeroes(size_t count) { return Bytes(count); }

Bytes Ethernet(const MacAddress& source, uint16_t type, const Bytes& payload) {
  return Join({Bytes(MacAddress::kSize, std::byte{0xff}), Mac(source), Be16(type), payload});
}

Bytes Ipv4Packet(const Ipv4& packet) {
  const unsigned header = 20 + static_cast<unsigned>(packet.options.size());
  const auto total = static_cast<unsigned>(header + packet.payload.size());
  return Join({Be8(0x40 | header / 4), Be8(0), Be16(total), Be16(0), Be16(packet.fragment),
               Be8(packet.ttl), Be8(packet.protocol), Be16(0), Ip(packet.source),
               Ip(packet.destination), packet.options, packet.payload});
}

Bytes Ipv6Packet(const Ipv6& packet) {
  return Join({Be16(0x6000), Be16(0), Be16(static_cast<unsigned>(packet.payload.size())),
               Be8(packet.next), Be8(packet.hop_limit), Ip(packet.source), Ip(packet.destination),
               packet.payload});
}

Bytes Ipv6Options(uint8_t next, const Bytes& options) {
  const auto units = static_cast<unsigned>((2 + options.size()) / 8);
  return Join({Be8(next), Be8(units - 1), options});
}

Bytes Ipv6Fragment(uint8_t next, uint16_t field) {
  return Join({Be8(next), Be8(0), Be16(field), Zeroes(4)});
}

Bytes Udp(uint16_t source, uint16_t destination) {
  return Join({Be16(source), Be16(destination), Be16(8), Be16(0)});
}

Bytes Tcp(uint16_t source, uint16_t destination) {
  return Join({Be16(source), Be16(destination), Zeroes(8), Be8(0x50), Zeroes(7)});
}

Bytes Icmp(uint8_t type, const Bytes& body) { return Join({Be8(type), Zeroes(3), body}); }

Bytes Neighbour(uint8_t type, std::string_view target, const Bytes& options) {
  return Icmp(type, Join({Zeroes(4), Ip(target), options}));
}

Bytes LinkLayer(uint8_t kind, const MacAddress& mac) { return Join({Be8(kind), Be8(1), Mac(mac)}); }

Bytes Arp(uint16_t operation, const MacAddress& sender, std::string_view address,
          std::string_view target) {
  return Join({Be16(1), Be16(kIpv4Type), Be8(6), Be8(4), Be16(operation), Mac(sender), Ip(address),
               Zeroes(6), Ip(target)});
}

}  // namespace mayfly::virtio::frames
