#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "virtio/net/ip_network.h"
#include "virtio/net/mac_address.h"

namespace mayfly::virtio {

// Which packets of an IP family a rule is about. kIcmp: ICMP in IPv4, ICMPv6 in IPv6. kAny:
// whatever IP carries, known or not.
enum class EgressProtocol : uint8_t { kAny, kTcp, kUdp, kIcmp };

// Both ends included.
struct PortRange {
  uint16_t first = 0;
  uint16_t last = std::numeric_limits<uint16_t>::max();

  [[nodiscard]] constexpr bool Contains(uint16_t port) const {
    return first <= port && port <= last;
  }
  [[nodiscard]] constexpr bool IsAll() const {
    return first == 0 && last == std::numeric_limits<uint16_t>::max();
  }

  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Packets that a guest may send.
struct EgressRule {
  IpNetwork destination;
  EgressProtocol protocol = EgressProtocol::kAny;
  PortRange ports;  // the destination's; all of them unless the protocol is TCP or UDP

  // DESTINATION[:PROTOCOL[:PORTS]]: an IpNetwork; any, tcp, udp or icmp; a port or FIRST-LAST.
  // "192.0.2.0/24:tcp:443", "2001:db8::1:udp:5000-5999", "0.0.0.0/0". Errors: InvalidArgument,
  // saying which part is wrong.
  [[nodiscard]] static absl::StatusOr<EgressRule> Parse(std::string_view text);
  // What Parse() takes.
  [[nodiscard]] std::string ToString() const;

  friend bool operator==(const EgressRule&, const EgressRule&) = default;
};

// What a guest may send; see NetFilter for what each part of it does.
struct NetFilterConfig {
  MacAddress mac;                    // the guest's own
  std::vector<IpNetwork> addresses;  // the guest's own; none: not enforced
  std::optional<std::vector<EgressRule>>
      egress;  // nothing but what these allow; nullopt: everything

  friend bool operator==(const NetFilterConfig&, const NetFilterConfig&) = default;
};

}  // namespace mayfly::virtio
