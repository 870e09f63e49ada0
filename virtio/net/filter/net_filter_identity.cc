#include "virtio/net/filter/net_filter_identity.h"

#include <algorithm>

namespace mayfly::virtio {
namespace {

// fe80::/64 and the modified EUI-64 (RFC 4291, 2.5.6 and appendix A).
[[nodiscard]] IpAddress LinkLocalOf(const MacAddress& mac) {
  constexpr uint8_t kUniversalBit = 0x02;
  const auto& from = mac.bytes;
  return IpAddress(IpAddress::V6Bytes{0xfe, 0x80, 0, 0, 0, 0, 0, 0,  //
                                      static_cast<uint8_t>(from[0] ^ kUniversalBit), from[1],
                                      from[2], 0xff, 0xfe, from[3], from[4], from[5]});
}

}  // namespace

NetFilterIdentity::NetFilterIdentity(const NetFilterConfig& config)
    : mac_(config.mac), link_local_(LinkLocalOf(config.mac)), addresses_(config.addresses) {}

bool NetFilterIdentity::Owns(const IpAddress& address) const {
  return address == link_local_ ||
         std::any_of(addresses_.begin(), addresses_.end(),
                     [&](const IpNetwork& network) { return network.Contains(address); });
}

}  // namespace mayfly::virtio
