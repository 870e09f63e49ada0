#include "virtio/net/filter/net_frame.h"

#include "virtio/net/filter/net_bytes.h"
#include "virtio/protocol/net_protocol.h"

namespace mayfly::virtio {
namespace {

constexpr unsigned kMaxVlanTags = 2;

// RFC 791, 3.1.
constexpr size_t kIp4MinHeaderSize = 20;
constexpr size_t kIp4WordSize = 4;
constexpr size_t kIp4FragmentOffset = 6;
constexpr size_t kIp4ProtocolOffset = 9;
constexpr uint16_t kIp4FragmentMask = 0x3fff;  // more fragments, and the offset

// RFC 8200, 3 and 4.
constexpr size_t kIp6HeaderSize = 40;
constexpr size_t kIp6NextHeaderOffset = 6;
constexpr size_t kIp6ExtensionUnit = 8;
constexpr uint16_t kIp6FragmentMask = 0xfff9;  // the offset, and more fragments
enum class Ip6Extension : uint8_t { kHopByHop = 0, kRouting = 43, kFragment = 44, kOptions = 60 };

using Bytes = std::span<const std::byte>;

unsigned IpVersion(Bytes packet) { return Byte(packet, 0) >> 4U; }

std::optional<NetTransport> FindInIp4(Bytes head, size_t offset) {
  const Bytes packet = head.subspan(offset);
  if (packet.size() < kIp4MinHeaderSize || IpVersion(packet) != 4) return std::nullopt;
  const size_t header_size = (Byte(packet, 0) & 0xfU) * kIp4WordSize;
  if (header_size < kIp4MinHeaderSize || header_size > packet.size()) return std::nullopt;
  return NetTransport{
      .family = IpFamily::kV4,
      .protocol = static_cast<IpProtocol>(Byte(packet, kIp4ProtocolOffset)),
      .fragment = (Word(packet, kIp4FragmentOffset) & kIp4FragmentMask) != 0,
      .offset = offset + header_size,
  };
}

std::optional<NetTransport> FindInIp6(Bytes head, size_t offset) {
  if (head.size() - offset < kIp6HeaderSize || IpVersion(head.subspan(offset)) != 6) {
    return std::nullopt;
  }
  uint8_t next = Byte(head, offset + kIp6NextHeaderOffset);
  NetTransport found{.family = IpFamily::kV6, .offset = offset + kIp6HeaderSize};
  // Every extension header takes at least 8 bytes of `head`: the loop ends.
  while (true) {
    const Bytes extension = head.subspan(found.offset);
    size_t size = kIp6ExtensionUnit;
    switch (static_cast<Ip6Extension>(next)) {
      case Ip6Extension::kHopByHop:
      case Ip6Extension::kRouting:
      case Ip6Extension::kOptions:
        if (extension.size() < kIp6ExtensionUnit) return std::nullopt;
        size += Byte(extension, 1) * kIp6ExtensionUnit;
        break;
      case Ip6Extension::kFragment:
        if (extension.size() < kIp6ExtensionUnit) return std::nullopt;
        // One that is a fragment of nothing larger is allowed (RFC 6946).
        found.fragment |= (Word(extension, 2) & kIp6FragmentMask) != 0;
        break;
      default:
        found.protocol = static_cast<IpProtocol>(next);
        return found;
    }
    if (size > extension.size()) return std::nullopt;
    next = Byte(extension, 0);
    found.offset += size;
  }
}

}  // namespace

std::optional<NetTransport> FindTransport(std::span<const std::byte> head) {
  size_t type_offset = kEtherTypeOffset;
  for (unsigned tags = 0; tags <= kMaxVlanTags; ++tags, type_offset += kVlanTagSize) {
    const size_t payload = type_offset + sizeof(uint16_t);
    if (payload > head.size()) return std::nullopt;
    switch (static_cast<EtherType>(Word(head, type_offset))) {
      case EtherType::kIpv4:
        return FindInIp4(head, payload);
      case EtherType::kIpv6:
        return FindInIp6(head, payload);
      case EtherType::kVlan:
      case EtherType::kServiceVlan:
        continue;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace mayfly::virtio
