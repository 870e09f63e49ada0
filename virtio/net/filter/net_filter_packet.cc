#include "virtio/net/filter/net_filter_packet.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "virtio/net/filter/net_bytes.h"

namespace mayfly::virtio {
namespace {

using Bytes = std::span<const std::byte>;
using Verdict = NetFilterVerdict;

constexpr unsigned kVersionShift = 4;  // in the first byte of both headers

namespace ipv4 {
constexpr size_t kMinHeader = 20;
constexpr uint8_t kVersion = 4;
constexpr uint8_t kHeaderWordsMask = 0x0f;
constexpr size_t kWord = 4;
// Offsets of fields.
constexpr size_t kTotalLength = 2;
constexpr size_t kFragment = 6;
constexpr size_t kTimeToLive = 8;
constexpr size_t kProtocol = 9;
constexpr size_t kSource = 12;
constexpr size_t kDestination = 16;
// In kFragment.
constexpr uint16_t kMoreFragments = 0x2000;
constexpr uint16_t kFragmentOffsetMask = 0x1fff;

enum class Option : uint8_t {  // IANA's numbers
  kEnd = 0,
  kNothing = 1,
  kRecordRoute = 7,
  kTimestamp = 68,
  kRouterAlert = 148,
};
constexpr size_t kMinOption = 2;  // kind and length, but for kEnd and kNothing
}  // namespace ipv4

namespace ipv6 {
constexpr size_t kHeader = 40;
constexpr uint8_t kVersion = 6;
// Offsets of fields.
constexpr size_t kPayloadLength = 4;
constexpr size_t kNextHeader = 6;
constexpr size_t kHopLimit = 7;
constexpr size_t kSource = 8;
constexpr size_t kDestination = 24;

// Extension headers (IANA's protocol numbers).
enum class Extension : uint8_t {
  kHopByHop = 0,
  kRouting = 43,
  kFragment = 44,
  kAuthentication = 51,
  kDestinationOptions = 60,
  kMobility = 135,
  kHostIdentity = 139,
  kShim6 = 140,
  kExperiment1 = 253,
  kExperiment2 = 254,
};
constexpr size_t kMinExtension = 8;
constexpr size_t kExtensionUnit = 8;  // of their length, which does not count the first
constexpr size_t kExtensionLength = 1;
constexpr size_t kExtensionOptions = 2;
// Of the fragment header.
constexpr size_t kFragmentField = 2;
constexpr uint16_t kMoreFragments = 1;
constexpr uint16_t kFragmentOffsetMask = 0xfff8;

enum class Option : uint8_t {
  kPad1 = 0,
  kPadN = 1,
  kRouterAlert = 5,
};
constexpr size_t kMinOption = 2;  // kind and length, but for kPad1
}  // namespace ipv6

// What has to be there of the transport's header: TCP's and UDP's ports; type, code and checksum of
// the others.
constexpr size_t kTransportStart = 4;

[[nodiscard]] bool HasKnownHeader(const IpPacket& packet) {
  switch (packet.protocol) {
    case IpProtocol::kIcmp:
    case IpProtocol::kIgmp:
    case IpProtocol::kTcp:
    case IpProtocol::kUdp:
    case IpProtocol::kIcmp6:
      return true;
  }
  return false;
}

[[nodiscard]] Verdict CheckTransport(const IpPacket& packet) {
  if (packet.fragment == IpFragment::kLater || !HasKnownHeader(packet)) return Verdict::kPass;
  return packet.payload.size() < kTransportStart ? WhyMissing(packet) : Verdict::kPass;
}

// Options that do no more than they say. Not the source routes, which have another destination than
// the header's, and none that we do not know.
[[nodiscard]] Verdict CheckOptions4(Bytes options) {
  using ipv4::Option;
  while (!options.empty()) {
    switch (static_cast<Option>(Byte(options, 0))) {
      case Option::kEnd:
        return Verdict::kPass;
      case Option::kNothing:
        options = options.subspan(1);
        continue;
      case Option::kRecordRoute:
      case Option::kTimestamp:
      case Option::kRouterAlert:
        break;
      default:
        return Verdict::kHiddenHeader;
    }
    if (options.size() < ipv4::kMinOption) return Verdict::kMalformed;
    const size_t size = Byte(options, 1);
    if (size < ipv4::kMinOption || size > options.size()) return Verdict::kMalformed;
    options = options.subspan(size);
  }
  return Verdict::kPass;
}

// As above; not the jumbo payload, which has another length than the header's, nor a mobile node's
// home address, which is another source.
[[nodiscard]] Verdict CheckOptions6(Bytes options) {
  using ipv6::Option;
  while (!options.empty()) {
    switch (static_cast<Option>(Byte(options, 0))) {
      case Option::kPad1:
        options = options.subspan(1);
        continue;
      case Option::kPadN:
      case Option::kRouterAlert:
        break;
      default:
        return Verdict::kHiddenHeader;
    }
    if (options.size() < ipv6::kMinOption) return Verdict::kMalformed;
    const size_t size = ipv6::kMinOption + Byte(options, 1);
    if (size > options.size()) return Verdict::kMalformed;
    options = options.subspan(size);
  }
  return Verdict::kPass;
}

// Takes extension headers off a packet's payload.
class Extensions final {
 public:
  explicit Extensions(IpPacket& packet) : packet_(packet) {}

  // `next`: what the IP header says comes first. kPass: the packet's protocol and payload are those
  // behind all extension headers, or behind the fragment header of a later fragment.
  [[nodiscard]] Verdict Skip(uint8_t next) {
    // Comes first or not at all (RFC 8200, 4.1).
    bool first = true;
    while (true) {
      switch (static_cast<ipv6::Extension>(next)) {
        case ipv6::Extension::kHopByHop:
          if (!first) return Verdict::kMalformed;
          [[fallthrough]];
        case ipv6::Extension::kDestinationOptions:
          if (const Verdict v = SkipOptions(next); v != Verdict::kPass) return v;
          break;
        case ipv6::Extension::kFragment:
          if (const Verdict v = SkipFragment(next); v != Verdict::kPass) return v;
          if (packet_.fragment == IpFragment::kLater) return Done(next);
          break;
        case ipv6::Extension::kRouting:
        case ipv6::Extension::kAuthentication:
        case ipv6::Extension::kMobility:
        case ipv6::Extension::kHostIdentity:
        case ipv6::Extension::kShim6:
        case ipv6::Extension::kExperiment1:
        case ipv6::Extension::kExperiment2:
          return Verdict::kHiddenHeader;
        default:
          return Done(next);
      }
      first = false;
    }
  }

 private:
  [[nodiscard]] Verdict Done(uint8_t protocol) {
    packet_.protocol = static_cast<IpProtocol>(protocol);
    return Verdict::kPass;
  }

  [[nodiscard]] Verdict SkipOptions(uint8_t& next) {
    if (packet_.payload.size() < ipv6::kMinExtension) return WhyMissing(packet_);
    const size_t size =
        (size_t{Byte(packet_.payload, ipv6::kExtensionLength)} + 1) * ipv6::kExtensionUnit;
    if (packet_.payload.size() < size) {
      return packet_.payload_bytes < size ? Verdict::kMalformed : Verdict::kHiddenHeader;
    }
    const Bytes options = packet_.payload.first(size).subspan(ipv6::kExtensionOptions);
    next = Byte(packet_.payload, 0);
    Advance(size);
    return CheckOptions6(options);
  }

  [[nodiscard]] Verdict SkipFragment(uint8_t& next) {
    if (packet_.payload.size() < ipv6::kMinExtension) return WhyMissing(packet_);
    if (seen_fragment_) return Verdict::kMalformed;
    seen_fragment_ = true;
    const uint16_t field = Word(packet_.payload, ipv6::kFragmentField);
    next = Byte(packet_.payload, 0);
    // One that is all of its packet ("atomic") is whole (RFC 6946).
    if ((field & ipv6::kFragmentOffsetMask) != 0) {
      packet_.fragment = IpFragment::kLater;
    } else if ((field & ipv6::kMoreFragments) != 0) {
      packet_.fragment = IpFragment::kFirst;
    }
    Advance(ipv6::kMinExtension);
    return Verdict::kPass;
  }

  void Advance(size_t size) {
    packet_.payload = packet_.payload.subspan(size);
    packet_.payload_bytes -= size;
  }

  IpPacket& packet_;
  bool seen_fragment_ = false;
};

}  // namespace

NetFilterVerdict WhyMissing(const IpPacket& packet) {
  return packet.payload.size() < packet.payload_bytes ? Verdict::kHiddenHeader
                                                      : Verdict::kMalformed;
}

NetFilterVerdict ReadIpv4(std::span<const std::byte> bytes, uint64_t packet_bytes, IpPacket& out) {
  if (bytes.size() < ipv4::kMinHeader) return Verdict::kMalformed;
  const size_t header = size_t{ipv4::kWord} * (Byte(bytes, 0) & ipv4::kHeaderWordsMask);
  const size_t total = Word(bytes, ipv4::kTotalLength);
  if (Byte(bytes, 0) >> kVersionShift != ipv4::kVersion || header < ipv4::kMinHeader ||
      header > bytes.size() || total < header || total > packet_bytes) {
    return Verdict::kMalformed;
  }
  out.source = AddressAt(bytes, ipv4::kSource, IpFamily::kV4);
  out.destination = AddressAt(bytes, ipv4::kDestination, IpFamily::kV4);
  out.protocol = static_cast<IpProtocol>(Byte(bytes, ipv4::kProtocol));
  out.hop_limit = Byte(bytes, ipv4::kTimeToLive);
  out.payload = bytes.first(std::min(bytes.size(), total)).subspan(header);
  out.payload_bytes = total - header;
  const uint16_t fragment = Word(bytes, ipv4::kFragment);
  if ((fragment & ipv4::kFragmentOffsetMask) != 0) {
    out.fragment = IpFragment::kLater;
  } else {
    out.fragment = (fragment & ipv4::kMoreFragments) != 0 ? IpFragment::kFirst : IpFragment::kNone;
  }
  const Bytes options = bytes.first(header).subspan(ipv4::kMinHeader);
  if (const Verdict verdict = CheckOptions4(options); verdict != Verdict::kPass) return verdict;
  return CheckTransport(out);
}

NetFilterVerdict ReadIpv6(std::span<const std::byte> bytes, uint64_t packet_bytes, IpPacket& out) {
  if (bytes.size() < ipv6::kHeader) return Verdict::kMalformed;
  const size_t payload = Word(bytes, ipv6::kPayloadLength);
  if (Byte(bytes, 0) >> kVersionShift != ipv6::kVersion || payload > packet_bytes - ipv6::kHeader) {
    return Verdict::kMalformed;
  }
  out.source = AddressAt(bytes, ipv6::kSource, IpFamily::kV6);
  out.destination = AddressAt(bytes, ipv6::kDestination, IpFamily::kV6);
  out.fragment = IpFragment::kNone;
  out.hop_limit = Byte(bytes, ipv6::kHopLimit);
  const Bytes behind = bytes.subspan(ipv6::kHeader);
  out.payload = behind.first(std::min(behind.size(), payload));
  out.payload_bytes = payload;
  const Verdict verdict = Extensions(out).Skip(Byte(bytes, ipv6::kNextHeader));
  return verdict == Verdict::kPass ? CheckTransport(out) : verdict;
}

}  // namespace mayfly::virtio
