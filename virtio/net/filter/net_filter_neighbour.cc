#include "virtio/net/filter/net_filter_neighbour.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "virtio/net/filter/net_bytes.h"

namespace mayfly::virtio {
namespace {

using Bytes = std::span<const std::byte>;
using Verdict = NetFilterVerdict;

constexpr size_t kCode = 1;
constexpr size_t kTarget = 8;  // of solicitations and advertisements
constexpr size_t kRouterSolicitationSize = 8;
constexpr size_t kNeighbourMessageSize = 24;

// Options (RFC 4861, 4.6).
constexpr size_t kOptionUnit = 8;  // of their length
constexpr size_t kOptionValue = 2;
enum class Option : uint8_t {
  kSourceLinkLayer = 1,
  kTargetLinkLayer = 2,
};

// What a message says of somebody's MAC address.
enum class LinkLayerClaim { kNone, kOurs, kForeign, kMalformed };

[[nodiscard]] LinkLayerClaim FindClaim(Bytes options, const MacAddress& mac) {
  auto found = LinkLayerClaim::kNone;
  while (!options.empty()) {
    if (options.size() < kOptionUnit) return LinkLayerClaim::kMalformed;
    const size_t size = Byte(options, 1) * kOptionUnit;
    if (size == 0 || size > options.size()) return LinkLayerClaim::kMalformed;
    const auto kind = static_cast<Option>(Byte(options, 0));
    if (kind == Option::kSourceLinkLayer || kind == Option::kTargetLinkLayer) {
      // An Ethernet address fills one unit (RFC 2464, 6).
      const Bytes value = options.first(size).subspan(kOptionValue);
      const Bytes ours = std::as_bytes(std::span(mac.bytes));
      if (!std::equal(value.begin(), value.end(), ours.begin(), ours.end())) {
        return LinkLayerClaim::kForeign;
      }
      found = LinkLayerClaim::kOurs;
    }
    options = options.subspan(size);
  }
  return found;
}

[[nodiscard]] Verdict CheckOptions(const IpPacket& packet, size_t message_size,
                                   const NetFilterIdentity& identity) {
  switch (FindClaim(packet.payload.subspan(message_size), identity.mac())) {
    case LinkLayerClaim::kNone:
      return Verdict::kPass;
    case LinkLayerClaim::kOurs:
      // Nobody without an address has a neighbour to tell.
      return packet.source.IsUnspecified() ? Verdict::kNeighbour : Verdict::kPass;
    case LinkLayerClaim::kForeign:
      return Verdict::kNeighbour;
    case LinkLayerClaim::kMalformed:
      return Verdict::kMalformed;
  }
  return Verdict::kMalformed;
}

[[nodiscard]] Verdict CheckTarget(const IpPacket& packet, Icmp6Type type,
                                  const NetFilterIdentity& identity) {
  const IpAddress target = AddressAt(packet.payload, kTarget, IpFamily::kV6);
  if (target.IsMulticast()) return Verdict::kNeighbour;
  // Who solicits asks for anybody; with no address yet, it asks whether it may have this one.
  const bool claims = type == Icmp6Type::kNeighbourAdvertisement || packet.source.IsUnspecified();
  return claims && !identity.Owns(target) ? Verdict::kNeighbour : Verdict::kPass;
}

}  // namespace

NetFilterVerdict CheckNeighbourMessage(const IpPacket& packet, const NetFilterIdentity& identity) {
  // All of it, in one piece (RFC 6980).
  if (packet.fragment != IpFragment::kNone) return Verdict::kFragment;
  const auto type = static_cast<Icmp6Type>(Byte(packet.payload, 0));
  const size_t size =
      type == Icmp6Type::kRouterSolicitation ? kRouterSolicitationSize : kNeighbourMessageSize;
  if (packet.payload.size() < packet.payload_bytes) return Verdict::kHiddenHeader;
  if (packet.payload.size() < size) return Verdict::kMalformed;
  if (packet.hop_limit != kNeighbourHopLimit || Byte(packet.payload, kCode) != 0) {
    return Verdict::kNeighbour;
  }
  if (type != Icmp6Type::kRouterSolicitation) {
    const Verdict verdict = CheckTarget(packet, type, identity);
    if (verdict != Verdict::kPass) return verdict;
  }
  return CheckOptions(packet, size, identity);
}

}  // namespace mayfly::virtio
