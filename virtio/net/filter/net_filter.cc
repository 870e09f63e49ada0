#include "virtio/net/filter/net_filter.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "virtio/net/filter/net_bytes.h"
#include "virtio/net/filter/net_filter_egress.h"
#include "virtio/net/filter/net_filter_neighbour.h"
#include "virtio/protocol/net_protocol.h"

namespace mayfly::virtio {
namespace {

using Bytes = std::span<const std::byte>;
using Verdict = NetFilterVerdict;

// In an Ethernet header.
constexpr size_t kSourceMacOffset = 6;

// ARP for IPv4 over Ethernet (RFC 826).
namespace arp {
constexpr size_t kSize = 28;
// Offsets of fields.
constexpr size_t kHardware = 0;
constexpr size_t kProtocol = 2;
constexpr size_t kAddressSizes = 4;
constexpr size_t kOperation = 6;
constexpr size_t kSenderMac = 8;
constexpr size_t kSenderAddress = 14;

constexpr uint16_t kEthernet = 1;
constexpr uint16_t kSizesOfMacAndIpv4 = MacAddress::kSize << 8 | IpAddress::kV4Size;
constexpr uint16_t kRequest = 1;
constexpr uint16_t kReply = 2;
}  // namespace arp

// UDP ports of DHCP (RFC 2131) and DHCPv6 (RFC 8415), and where its clients send to.
struct DhcpLink {
  uint16_t client;
  uint16_t server;
  IpAddress servers;
};
constexpr DhcpLink kDhcp4 = {
    .client = 68, .server = 67, .servers = IpAddress(IpAddress::V4Bytes{255, 255, 255, 255})};
constexpr DhcpLink kDhcp6 = {
    .client = 546,
    .server = 547,
    .servers = IpAddress(IpAddress::V6Bytes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2})};

constexpr size_t kSourcePort = 0;  // offsets in UDP's header
constexpr size_t kDestinationPort = 2;

// Types of ICMP (RFC 792, RFC 1256) and IGMP (RFC 3376) messages.
constexpr uint8_t kIcmpRedirect = 5;
constexpr uint8_t kIcmpRouterAdvertisement = 9;
constexpr uint8_t kIgmpQuery = 0x11;

// No router lets a packet with this hop limit through.
constexpr uint8_t kLinkHopLimit = 1;

[[nodiscard]] const DhcpLink& DhcpOf(IpFamily family) {
  return family == IpFamily::kV4 ? kDhcp4 : kDhcp6;
}

[[nodiscard]] bool IsMac(Bytes bytes, size_t offset, const MacAddress& mac) {
  const Bytes expected = std::as_bytes(std::span(mac.bytes));
  return std::equal(expected.begin(), expected.end(), bytes.subspan(offset).begin());
}

// The type of an ICMPv6 message whose begin this is.
[[nodiscard]] std::optional<Icmp6Type> Icmp6TypeOf(const IpPacket& packet) {
  if (packet.family() != IpFamily::kV6 || packet.protocol != IpProtocol::kIcmp6 ||
      packet.fragment == IpFragment::kLater) {
    return std::nullopt;
  }
  return static_cast<Icmp6Type>(Byte(packet.payload, 0));
}

[[nodiscard]] bool IsNeighbourMessage(std::optional<Icmp6Type> type) {
  return type == Icmp6Type::kRouterSolicitation || type == Icmp6Type::kNeighbourSolicitation ||
         type == Icmp6Type::kNeighbourAdvertisement;
}

// IGMP (RFC 3376) or MLD (RFC 2710, RFC 3810) of a host, for this link only.
[[nodiscard]] bool IsListenerReport(const IpPacket& packet) {
  if (packet.fragment != IpFragment::kNone || packet.hop_limit != kLinkHopLimit ||
      !packet.destination.IsMulticast()) {
    return false;
  }
  if (packet.family() == IpFamily::kV4) {
    return packet.protocol == IpProtocol::kIgmp && Byte(packet.payload, 0) != kIgmpQuery;
  }
  const auto type = Icmp6TypeOf(packet);
  return type == Icmp6Type::kListenerReport || type == Icmp6Type::kListenerDone ||
         type == Icmp6Type::kListenerReport2;
}

// A DHCP client's, to whichever servers this link has.
[[nodiscard]] bool IsDhcpRequest(const IpPacket& packet) {
  const DhcpLink& dhcp = DhcpOf(packet.family());
  return packet.fragment == IpFragment::kNone && packet.protocol == IpProtocol::kUdp &&
         packet.destination == dhcp.servers && Word(packet.payload, kSourcePort) == dhcp.client &&
         Word(packet.payload, kDestinationPort) == dhcp.server;
}

// What no host but a router or a DHCP server has to say.
[[nodiscard]] bool SpeaksAsRouter(const IpPacket& packet) {
  if (packet.fragment == IpFragment::kLater) return false;
  switch (packet.protocol) {
    case IpProtocol::kIcmp: {
      const uint8_t type = Byte(packet.payload, 0);
      return type == kIcmpRedirect || type == kIcmpRouterAdvertisement;
    }
    case IpProtocol::kIgmp:
      return Byte(packet.payload, 0) == kIgmpQuery;
    case IpProtocol::kUdp:
      return Word(packet.payload, kDestinationPort) == DhcpOf(packet.family()).client;
    case IpProtocol::kIcmp6: {
      const auto type = Icmp6TypeOf(packet);
      return type == Icmp6Type::kListenerQuery || type == Icmp6Type::kRouterAdvertisement ||
             type == Icmp6Type::kRedirect || type == Icmp6Type::kRouterRenumbering ||
             type == Icmp6Type::kMulticastRouterAdvertisement;
    }
    case IpProtocol::kTcp:
      return false;
  }
  return false;
}

// What a guest that has no address yet has to say.
[[nodiscard]] bool MayComeFromNobody(const IpPacket& packet) {
  if (IsListenerReport(packet)) return true;
  if (packet.family() == IpFamily::kV4) return IsDhcpRequest(packet);
  const auto type = Icmp6TypeOf(packet);
  return type == Icmp6Type::kRouterSolicitation || type == Icmp6Type::kNeighbourSolicitation;
}

[[nodiscard]] bool IsOnLink(const IpAddress& address) {
  // fe80::/10; ff02::/16 (RFC 4291, 2.4 and 2.7).
  constexpr uint8_t kLinkLocalFirst = 0xfe;
  constexpr uint8_t kLinkLocalSecond = 0x80;
  constexpr uint8_t kLinkLocalMask = 0xc0;
  constexpr uint8_t kLinkScopedGroup = 0x02;
  if (address.family() != IpFamily::kV6) return false;
  const auto& bytes = address.bytes();
  if (address.IsMulticast()) return bytes[1] == kLinkScopedGroup;
  return bytes[0] == kLinkLocalFirst && (bytes[1] & kLinkLocalMask) == kLinkLocalSecond;
}

}  // namespace

NetFilter::NetFilter(NetFilterConfig config) : config_(std::move(config)), identity_(config_) {}

NetFilter::Verdict NetFilter::CheckOutgoing(std::span<const std::byte> head, uint64_t frame_bytes) {
  const Verdict verdict =
      Judge(head.first(std::min<uint64_t>(head.size(), frame_bytes)), frame_bytes);
  if (verdict != Verdict::kPass) ++counters_[static_cast<size_t>(verdict)];
  return verdict;
}

uint64_t NetFilter::dropped() const {
  return std::accumulate(counters_.begin(), counters_.end(), uint64_t{0});
}

NetFilter::Verdict NetFilter::Judge(std::span<const std::byte> head, uint64_t frame_bytes) const {
  if (head.size() < kEthernetHeaderSize) return Verdict::kMalformed;
  if (!IsMac(head, kSourceMacOffset, config_.mac)) return Verdict::kSourceMac;
  if (config_.addresses.empty() && !config_.egress) return Verdict::kPass;

  const Bytes inner = head.subspan(kEthernetHeaderSize);
  const uint64_t inner_bytes = frame_bytes - kEthernetHeaderSize;
  IpPacket packet;
  Verdict verdict = Verdict::kEtherType;
  switch (static_cast<EtherType>(Word(head, kEtherTypeOffset))) {
    case EtherType::kArp:
      return JudgeArp(inner);
    case EtherType::kIpv4:
      verdict = ReadIpv4(inner, inner_bytes, packet);
      break;
    case EtherType::kIpv6:
      verdict = ReadIpv6(inner, inner_bytes, packet);
      break;
    default:
      break;
  }
  return verdict == Verdict::kPass ? JudgePacket(packet) : verdict;
}

NetFilter::Verdict NetFilter::JudgeArp(std::span<const std::byte> message) const {
  if (message.size() < arp::kSize || Word(message, arp::kHardware) != arp::kEthernet ||
      Word(message, arp::kProtocol) != static_cast<uint16_t>(EtherType::kIpv4) ||
      Word(message, arp::kAddressSizes) != arp::kSizesOfMacAndIpv4) {
    return Verdict::kMalformed;
  }
  const uint16_t operation = Word(message, arp::kOperation);
  if (operation != arp::kRequest && operation != arp::kReply) return Verdict::kArp;
  if (config_.addresses.empty()) return Verdict::kPass;
  if (!IsMac(message, arp::kSenderMac, config_.mac)) return Verdict::kArp;
  const IpAddress sender = AddressAt(message, arp::kSenderAddress, IpFamily::kV4);
  // A probe, whether an address is free, tells nobody of it (RFC 5227, 2.1.1).
  const bool probe = operation == arp::kRequest && sender.IsUnspecified();
  return probe || identity_.Owns(sender) ? Verdict::kPass : Verdict::kArp;
}

NetFilter::Verdict NetFilter::JudgePacket(const IpPacket& packet) const {
  if (!config_.addresses.empty()) {
    const Verdict verdict = JudgeIdentity(packet);
    if (verdict != Verdict::kPass) return verdict;
  }
  return config_.egress ? JudgeDestination(packet) : Verdict::kPass;
}

NetFilter::Verdict NetFilter::JudgeIdentity(const IpPacket& packet) const {
  if (!identity_.Owns(packet.source) &&
      !(packet.source.IsUnspecified() && MayComeFromNobody(packet))) {
    return Verdict::kSourceAddress;
  }
  if (SpeaksAsRouter(packet)) return Verdict::kRouter;
  const auto type = Icmp6TypeOf(packet);
  // Ethernet has no use for it, and it claims addresses.
  if (type == Icmp6Type::kInverseSolicitation || type == Icmp6Type::kInverseAdvertisement) {
    return Verdict::kNeighbour;
  }
  return IsNeighbourMessage(type) ? CheckNeighbourMessage(packet, identity_) : Verdict::kPass;
}

NetFilter::Verdict NetFilter::JudgeDestination(const IpPacket& packet) const {
  return IsUpkeep(packet) ? Verdict::kPass : CheckEgressRules(*config_.egress, packet);
}

bool NetFilter::IsUpkeep(const IpPacket& packet) const {
  if (IsListenerReport(packet) || IsDhcpRequest(packet)) return true;
  return IsNeighbourMessage(Icmp6TypeOf(packet)) && packet.fragment == IpFragment::kNone &&
         packet.hop_limit == kNeighbourHopLimit &&
         (IsOnLink(packet.destination) || IsReachable(*config_.egress, packet.destination));
}

}  // namespace mayfly::virtio
