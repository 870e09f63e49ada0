#include "virtio/net/filter/net_header_check.h"

#include <algorithm>

namespace mayfly::virtio {
namespace {

// Bytes from the begin of a header to its checksum.
constexpr size_t kTcpChecksum = 16;  // RFC 9293, 3.1
constexpr size_t kUdpChecksum = 6;   // RFC 768
constexpr size_t kIcmpChecksum = 2;  // RFC 792, RFC 4443

constexpr size_t kUdpHeaderSize = 8;
constexpr size_t kTcpMinHeaderSize = 20;
constexpr size_t kTcpDataOffset = 12;  // its upper four bits: the header's size in words
constexpr size_t kTcpWordSize = 4;

// A frame of 64 KiB in segments of one byte would cost the host 64 Ki packets. TCP stacks never go
// so low (Linux: 8, what 48 bytes leave after 40 of options), and datagrams are cut into 128 at
// most (its UDP_MAX_SEGMENTS).
constexpr uint64_t kMinTcpSegment = 8;
constexpr uint64_t kMaxUdpSegments = 128;

constexpr uint8_t kNetGsoTypeMask = static_cast<uint8_t>(~kNetGsoEcn);

// The feature without which a packet of this type is not sent or received; 0: no such type.
struct GsoFeatures {
  uint64_t host;
  uint64_t guest;
};
constexpr GsoFeatures FeaturesFor(NetGso type) {
  switch (type) {
    case NetGso::kTcp4:
      return {kNetFeatureHostTso4, kNetFeatureGuestTso4};
    case NetGso::kTcp6:
      return {kNetFeatureHostTso6, kNetFeatureGuestTso6};
    case NetGso::kUdp:
      return {kNetFeatureHostUso, kNetFeatureGuestUso4 | kNetFeatureGuestUso6};
    case NetGso::kNone:
    case NetGso::kUdpFragments:
      break;
  }
  return {};
}

NetGso TypeOf(const NetHeader& header) {
  return static_cast<NetGso>(header.gso_type & kNetGsoTypeMask);
}

void ClearSegmentation(NetHeader& header) {
  header.gso_type = 0;
  header.gso_size = 0;
  header.header_length = 0;
}

// Whether `start` and `offset` of a checksum fit what is in IP there.
bool IsPlaceOfChecksum(const NetTransport& transport, size_t start, size_t offset) {
  const bool own = start == transport.offset;
  switch (transport.protocol) {
    case IpProtocol::kTcp:
      return own && offset == kTcpChecksum;
    case IpProtocol::kUdp:
      // Or that of a packet within a tunnel.
      return (own && offset == kUdpChecksum) || start >= transport.offset + kUdpHeaderSize;
    case IpProtocol::kIcmp:
    case IpProtocol::kIgmp:
    case IpProtocol::kIcmp6:
      return own && offset == kIcmpChecksum;
  }
  return start >= transport.offset;  // a tunnel, or a protocol that nobody here knows
}

}  // namespace

NetHeaderCheck::NetHeaderCheck(uint64_t features, uint16_t mtu)
    : features_(features),
      max_frame_((features & kNetFeatureMtu) != 0 && mtu != 0
                     ? kEthernetHeaderSize + 2 * kVlanTagSize + mtu
                     : kMaxFrameSize),
      guest_offloads_(features & kNetGuestOffloads) {}

NetHeaderCheck::Fault NetHeaderCheck::CheckOutgoing(NetHeader& header,
                                                    std::span<const std::byte> head,
                                                    uint64_t frame_bytes) const {
  // 5.1.6.2.1: the other flags are not for drivers to set, and num_buffers says nothing here.
  header.flags &= kNetNeedsChecksum;
  header.num_buffers = 0;
  if (frame_bytes < kEthernetHeaderSize) return Fault::kTooShort;
  const bool segmented = header.gso_type != 0;
  if (frame_bytes > (segmented ? kMaxFrameSize : max_frame_)) return Fault::kTooLong;
  if (!segmented) ClearSegmentation(header);
  if (header.flags == 0) {
    // 5.1.6.2.1: a frame to be cut needs its checksums filled in.
    if (segmented) return Fault::kSegmentation;
    header.checksum_start = 0;
    header.checksum_offset = 0;
    return Fault::kNone;
  }
  if ((features_ & kNetFeatureChecksum) == 0) return Fault::kNotNegotiated;
  const std::optional<NetTransport> transport = FindTransport(head);
  const Fault fault = CheckChecksum(header, transport, frame_bytes);
  if (fault != Fault::kNone || !segmented) return fault;
  return CheckSegmentation(header, *transport, head, frame_bytes);
}

NetHeaderCheck::Fault NetHeaderCheck::CheckChecksum(const NetHeader& header,
                                                    const std::optional<NetTransport>& transport,
                                                    uint64_t frame_bytes) {
  const size_t start = header.checksum_start;
  const size_t offset = header.checksum_offset;
  if (!transport || transport->fragment || start + offset + sizeof(uint16_t) > frame_bytes ||
      !IsPlaceOfChecksum(*transport, start, offset)) {
    return Fault::kChecksum;
  }
  return Fault::kNone;
}

// The checksum is in its place: for TCP, the frame goes on behind it.
NetHeaderCheck::Fault NetHeaderCheck::CheckSegmentation(NetHeader& header,
                                                        const NetTransport& transport,
                                                        std::span<const std::byte> head,
                                                        uint64_t frame_bytes) const {
  const NetGso type = TypeOf(header);
  const bool ecn = (header.gso_type & kNetGsoEcn) != 0;
  if ((features_ & FeaturesFor(type).host) == 0) return Fault::kNotNegotiated;
  if (ecn && (features_ & kNetFeatureHostEcn) == 0) return Fault::kNotNegotiated;

  const bool udp = type == NetGso::kUdp;
  const bool right_family = udp || (type == NetGso::kTcp4) == (transport.family == IpFamily::kV4);
  const bool right_protocol = transport.protocol == (udp ? IpProtocol::kUdp : IpProtocol::kTcp);
  const size_t min_headers = transport.offset + (udp ? kUdpHeaderSize : kTcpMinHeaderSize);
  if (!right_family || !right_protocol || (udp && ecn) ||
      header.checksum_start != transport.offset || min_headers > head.size()) {
    return Fault::kSegmentation;
  }
  size_t headers = min_headers;
  if (!udp) {
    const auto words = std::to_integer<size_t>(head[transport.offset + kTcpDataOffset]) >> 4U;
    headers = transport.offset + words * kTcpWordSize;
  }
  if (headers < min_headers || headers >= frame_bytes || headers > head.size()) {
    return Fault::kSegmentation;
  }
  const uint64_t payload = frame_bytes - headers;
  const uint64_t segment = header.gso_size;
  if (segment == 0 || (udp ? payload > segment * kMaxUdpSegments : segment < kMinTcpSegment)) {
    return Fault::kSegmentation;
  }
  if (headers + std::min(payload, segment) > max_frame_) return Fault::kTooLong;
  if (payload <= segment) {
    ClearSegmentation(header);
  } else {
    header.header_length = static_cast<uint16_t>(headers);  // `head` is not as long as 64 KiB
  }
  return Fault::kNone;
}

bool NetHeaderCheck::CheckIncoming(NetHeader& header) const {
  if ((guest_offloads_ & kNetFeatureGuestChecksum) == 0) {
    if ((header.flags & kNetNeedsChecksum) != 0) return false;
    header.flags = 0;
  }
  header.flags &= static_cast<uint8_t>(~kNetRscInfo);
  if (header.gso_type == 0) return true;
  const bool ecn = (header.gso_type & kNetGsoEcn) != 0;
  return (guest_offloads_ & FeaturesFor(TypeOf(header)).guest) != 0 &&
         (!ecn || (guest_offloads_ & kNetFeatureGuestEcn) != 0);
}

std::string_view NetHeaderCheck::Describe(Fault fault) {
  switch (fault) {
    case Fault::kTooShort:
      return "shorter than its headers";
    case Fault::kTooLong:
      return "longer than the MTU, or than an IP packet can be";
    case Fault::kNotNegotiated:
      return "it asks for an offload that was not negotiated";
    case Fault::kChecksum:
      return "it asks for a checksum where the frame has none";
    case Fault::kSegmentation:
      return "its segmentation fields do not fit the frame";
    case Fault::kNone:
    case Fault::kCount:
      break;
  }
  return "good";
}

}  // namespace mayfly::virtio
