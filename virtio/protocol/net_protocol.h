#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "virtio/protocol/features.h"

namespace mayfly::virtio {

// What driver and device of virtio-net say to each other (virtio 1.2, 5.1); little-endian.

// Feature bits (5.1.3). "Guest" is what a driver can be given, "Host" what it can leave to the
// device.
inline constexpr uint64_t kNetFeatureChecksum = FeatureBit(0);
inline constexpr uint64_t kNetFeatureGuestChecksum = FeatureBit(1);
inline constexpr uint64_t kNetFeatureControlGuestOffloads = FeatureBit(2);
inline constexpr uint64_t kNetFeatureMtu = FeatureBit(3);
inline constexpr uint64_t kNetFeatureMac = FeatureBit(5);
inline constexpr uint64_t kNetFeatureGuestTso4 = FeatureBit(7);
inline constexpr uint64_t kNetFeatureGuestTso6 = FeatureBit(8);
inline constexpr uint64_t kNetFeatureGuestEcn = FeatureBit(9);
inline constexpr uint64_t kNetFeatureHostTso4 = FeatureBit(11);
inline constexpr uint64_t kNetFeatureHostTso6 = FeatureBit(12);
inline constexpr uint64_t kNetFeatureHostEcn = FeatureBit(13);
inline constexpr uint64_t kNetFeatureMergeableBuffers = FeatureBit(15);
inline constexpr uint64_t kNetFeatureStatus = FeatureBit(16);
inline constexpr uint64_t kNetFeatureControlQueue = FeatureBit(17);
inline constexpr uint64_t kNetFeatureMultiqueue = FeatureBit(22);
inline constexpr uint64_t kNetFeatureGuestUso4 = FeatureBit(54);
inline constexpr uint64_t kNetFeatureGuestUso6 = FeatureBit(55);
inline constexpr uint64_t kNetFeatureHostUso = FeatureBit(56);

// What a driver can be left with when it receives; also what CTRL_GUEST_OFFLOADS_SET turns on and
// off (5.1.6.5.6).
inline constexpr uint64_t kNetGuestOffloads = kNetFeatureGuestChecksum | kNetFeatureGuestTso4 |
                                              kNetFeatureGuestTso6 | kNetFeatureGuestEcn |
                                              kNetFeatureGuestUso4 | kNetFeatureGuestUso6;
// What a driver can leave to the device when it sends.
inline constexpr uint64_t kNetHostOffloads = kNetFeatureChecksum | kNetFeatureHostTso4 |
                                             kNetFeatureHostTso6 | kNetFeatureHostEcn |
                                             kNetFeatureHostUso;

// What precedes every frame, in both directions (5.1.6). With VERSION_1 it always has num_buffers.
struct NetHeader {
  uint8_t flags = 0;
  uint8_t gso_type = 0;
  uint16_t header_length = 0;    // bytes of the frame that every segment repeats; a hint
  uint16_t gso_size = 0;         // bytes of payload in a segment
  uint16_t checksum_start = 0;   // bytes of the frame before what is summed
  uint16_t checksum_offset = 0;  // bytes from there to the 16-bit sum
  uint16_t num_buffers = 0;      // chains that a received packet takes

  friend bool operator==(const NetHeader&, const NetHeader&) = default;
};
inline constexpr size_t kNetHeaderSize = 12;
static_assert(sizeof(NetHeader) == kNetHeaderSize);

// Bits of NetHeader::flags.
inline constexpr uint8_t kNetNeedsChecksum = 1;
inline constexpr uint8_t kNetDataValid = 2;  // the checksum was verified
inline constexpr uint8_t kNetRscInfo = 4;    // needs VIRTIO_NET_F_RSC_EXT, which is not offered

// NetHeader::gso_type, without kNetGsoEcn.
enum class NetGso : uint8_t {
  kNone = 0,
  kTcp4 = 1,
  kUdpFragments = 3,  // UFO, which is not offered
  kTcp6 = 4,
  kUdp = 5,  // USO, IPv4 and IPv6
};
inline constexpr uint8_t kNetGsoEcn = 0x80;

// The configuration space (5.1.4), up to what the features offered need.
struct NetConfig {
  std::array<uint8_t, 6> mac{};  // in the order in which it is sent
  uint16_t status = 0;
  uint16_t max_queue_pairs = 0;
  uint16_t mtu = 0;
};
inline constexpr size_t kNetConfigSize = 12;
static_assert(sizeof(NetConfig) == kNetConfigSize);

// Bits of NetConfig::status.
inline constexpr uint16_t kNetLinkUp = 1;

// Of NetConfig::mtu, with VIRTIO_NET_F_MTU (5.1.4.1).
inline constexpr uint16_t kNetMinMtu = 68;
// Of MQ_VQ_PAIRS_SET, and of NetConfig::max_queue_pairs (5.1.6.5.5).
inline constexpr uint16_t kNetMinQueuePairs = 1;

// Queues come in pairs, receiveq1, transmitq1, receiveq2 ..., and the control queue after the last
// of them (5.1.2). What is behind `pair`, counted from 0:
constexpr uint16_t NetReceiveQueue(uint16_t pair) { return static_cast<uint16_t>(2 * pair); }
constexpr uint16_t NetSendQueue(uint16_t pair) { return static_cast<uint16_t>(2 * pair + 1); }

// What a command in the control queue begins with (5.1.6.5). After it: data of the command, and an
// acknowledgement that the device writes.
struct NetControlHeader {
  uint8_t command_class = 0;
  uint8_t command = 0;
};
static_assert(sizeof(NetControlHeader) == 2);

enum class NetControlClass : uint8_t {
  kMultiqueue = 4,
  kGuestOffloads = 5,
};
// Of kMultiqueue; its data: a uint16_t.
inline constexpr uint8_t kNetSetQueuePairs = 0;
// Of kGuestOffloads; its data: a uint64_t of feature bits.
inline constexpr uint8_t kNetSetGuestOffloads = 0;

enum class NetControlAck : uint8_t {
  kOk = 0,
  kError = 1,
};

// Ethernet (IEEE 802.3), without preamble and checksum.
inline constexpr size_t kEthernetHeaderSize = 14;
inline constexpr size_t kEtherTypeOffset = 12;
inline constexpr size_t kVlanTagSize = 4;
enum class EtherType : uint16_t {
  kIpv4 = 0x0800,
  kArp = 0x0806,
  kVlan = 0x8100,  // IEEE 802.1Q
  kIpv6 = 0x86dd,
  kServiceVlan = 0x88a8,  // IEEE 802.1ad
};
// The largest frame that travels with offloads: an IP packet of 65535 bytes (5.1.6.3.1 counts so)
// and the header and two tags before it.
inline constexpr size_t kMaxIpPacketSize = 65535;
inline constexpr size_t kMaxFrameSize = kEthernetHeaderSize + 2 * kVlanTagSize + kMaxIpPacketSize;

}  // namespace mayfly::virtio
