#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

// What the guest netbench and its partner on the host (tests/bench/net_peer.h) say to each other,
// in Ethernet frames. Both are little-endian; the Ethernet type alone is not.

namespace mayfly::netbench {

// IEEE 802: the two types for local experiments.
inline constexpr uint16_t kControlType = 0x88b5;
inline constexpr uint16_t kSinkType = 0x88b6;  // nobody listens: the host's kernel drops it

inline constexpr std::array<uint8_t, 6> kPeerMac = {0x02, 0, 0, 0, 0, 0xfe};  // nobody's

enum class Kind : uint32_t {
  kStartSmall =
      1,  // to the partner: send small frames, kData, no more than a window ahead of kCredit
  kStartGso = 2,  // the same with TCP segments of kGsoFrameBytes, for the guest to cut
  kCredit = 3,    // to the partner: so many have arrived since the start
  kStop = 4,
  kPing = 5,  // to the partner, who answers with kPong
  kPong = 6,
  kData = 7,
};

struct Frame {
  std::array<uint8_t, 6> destination{};
  std::array<uint8_t, 6> source{};
  uint16_t type_big_endian = 0;
  uint16_t reserved = 0;
  Kind kind{};
  uint32_t count = 0;  // of kCredit
  std::array<uint8_t, 36> padding{};
};
// With the checksum that follows on a wire, 64: the shortest frame there is.
inline constexpr size_t kSmallFrameBytes = 60;
static_assert(sizeof(Frame) == kSmallFrameBytes);

constexpr uint16_t BigEndian(uint16_t value) {
  return static_cast<uint16_t>(value << 8 | value >> 8);
}

// In flight to the guest: less than a tap's queue holds (1000 packets), so that none is lost.
inline constexpr uint32_t kSmallWindow = 512;
inline constexpr uint32_t kSmallCredit = 128;
inline constexpr uint32_t kGsoWindow = 32;
inline constexpr uint32_t kGsoCredit = 8;

// A TCP segment as large as it gets, to be cut for an MTU of 1500.
inline constexpr size_t kEthernetBytes = 14;
inline constexpr size_t kIpBytes = 20;
inline constexpr size_t kTcpBytes = 20;
inline constexpr size_t kHeadersBytes = kEthernetBytes + kIpBytes + kTcpBytes;
inline constexpr uint16_t kSegmentBytes = 1460;
inline constexpr size_t kGsoPayloadBytes = size_t{44} * kSegmentBytes;
inline constexpr size_t kGsoFrameBytes = kHeadersBytes + kGsoPayloadBytes;
inline constexpr uint16_t kChecksumStart = kEthernetBytes + kIpBytes;
inline constexpr uint16_t kChecksumOffset = 16;  // of the checksum in a TCP header

// The headers of such a segment; its checksum is that of the pseudo header (virtio 1.2, 5.1.6.2).
constexpr std::array<uint8_t, kHeadersBytes> GsoHeaders(const std::array<uint8_t, 6>& destination,
                                                        const std::array<uint8_t, 6>& source) {
  constexpr uint8_t kTcp = 6;
  constexpr uint16_t kIpv4 = 0x0800;
  constexpr uint16_t kIpTotal = kIpBytes + kTcpBytes + kGsoPayloadBytes;
  constexpr uint16_t kTcpTotal = kTcpBytes + kGsoPayloadBytes;
  std::array<uint8_t, kHeadersBytes> bytes{};
  const auto put16 = [&](size_t at, uint16_t value) {
    bytes[at] = static_cast<uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<uint8_t>(value);
  };
  const auto sum = [&](size_t begin, size_t end) {
    uint32_t total = 0;
    for (size_t at = begin; at < end; at += 2) total += uint32_t{bytes[at]} << 8 | bytes[at + 1];
    return total;
  };
  const auto fold = [](uint32_t total) {
    while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
    return static_cast<uint16_t>(total);
  };
  for (size_t i = 0; i < destination.size(); ++i) {
    bytes[i] = destination[i];
    bytes[destination.size() + i] = source[i];
  }
  put16(12, kIpv4);
  constexpr size_t kIp = kEthernetBytes;
  bytes[kIp] = 0x45;  // version 4, 5 words
  put16(kIp + 2, kIpTotal);
  bytes[kIp + 8] = 64;  // time to live
  bytes[kIp + 9] = kTcp;
  put16(kIp + 12, 0x0a00);  // from 10.0.0.2 ...
  put16(kIp + 14, 2);
  put16(kIp + 16, 0x0a00);  // ... to 10.0.0.1
  put16(kIp + 18, 1);
  put16(kIp + 10, static_cast<uint16_t>(~fold(sum(kIp, kIp + kIpBytes))));
  constexpr size_t kTcpAt = kChecksumStart;
  put16(kTcpAt, 5001);
  put16(kTcpAt + 2, 5001);
  bytes[kTcpAt + 12] = 0x50;  // 5 words
  bytes[kTcpAt + 13] = 0x10;  // ACK
  put16(kTcpAt + 14, 0xffff);
  put16(kTcpAt + kChecksumOffset, fold(sum(kIp + 12, kIp + kIpBytes) + kTcp + kTcpTotal));
  return bytes;
}

}  // namespace mayfly::netbench
