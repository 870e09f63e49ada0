// Checksums and segments that the device is to make of packets that have no place for them (virtio
// 1.2, 5.1.6.2).

#include <array>
#include <cstring>

#include "tests/hostile/guest/attack.h"
#include "tests/hostile/guest/cpus.h"

namespace mayfly::hostile {
namespace {

constexpr std::chrono::milliseconds kStorm{300};
constexpr uint64_t kOffloads = virtio::kNetFeatureChecksum | virtio::kNetFeatureHostTso4 |
                               virtio::kNetFeatureHostTso6 | virtio::kNetFeatureHostUso;

constexpr auto kGsoTcp4 = static_cast<uint8_t>(virtio::NetGso::kTcp4);
constexpr auto kGsoUdpFragments = static_cast<uint8_t>(virtio::NetGso::kUdpFragments);
constexpr auto kGsoTcp6 = static_cast<uint8_t>(virtio::NetGso::kTcp6);
constexpr auto kGsoUdp = static_cast<uint8_t>(virtio::NetGso::kUdp);

// A TCP packet in an Ethernet frame: where its parts begin, and how long it is.
constexpr size_t kIp = 14;
constexpr size_t kTcp = kIp + 20;
constexpr size_t kTcpChecksum = 16;  // in the TCP header
constexpr size_t kPayload = kTcp + 20;
constexpr size_t kTcpFrame = kPayload + 1000;

void Put16(std::span<std::byte> at, unsigned value) {
  at[0] = static_cast<std::byte>(value >> 8);
  at[1] = static_cast<std::byte>(value);
}

// Fills frame() with such a packet, as good as any, from this card, and header() with what makes
// the host segment it.
void MakeTcpPacket(Nic& nic) {
  constexpr unsigned kIpv4 = 0x0800;
  constexpr unsigned kVersionAndLength = 0x4500;
  constexpr unsigned kTimeToLiveAndTcp = 0x4006;
  constexpr unsigned kDataOffsetAndAck = 0x5010;
  nic.Address(Nic::kSink);
  const std::span<std::byte> frame = nic.frame();
  std::memset(frame.data() + kIp, 0, kTcpFrame - kIp);
  Put16(frame.subspan(kIp - 2), kIpv4);
  Put16(frame.subspan(kIp), kVersionAndLength);
  Put16(frame.subspan(kIp + 2), kTcpFrame - kIp);
  Put16(frame.subspan(kIp + 8), kTimeToLiveAndTcp);
  Put16(frame.subspan(kIp + 12), 0xc000);  // 192.0.2.1 to 192.0.2.2
  Put16(frame.subspan(kIp + 14), 0x0201);
  Put16(frame.subspan(kIp + 16), 0xc000);
  Put16(frame.subspan(kIp + 18), 0x0202);
  Put16(frame.subspan(kTcp + 12), kDataOffsetAndAck);
  nic.header() = {.flags = virtio::kNetNeedsChecksum,
                  .gso_type = kGsoTcp4,
                  .header_length = kPayload,
                  .gso_size = 500,
                  .checksum_start = kTcp,
                  .checksum_offset = kTcpChecksum,
                  .num_buffers = 0};
}

// The packet with a header that lies, which must not get out: `lie` changes the header (and the
// frame) of a good one. The wire sees to it that nothing comes of it.
template <typename Function>
void Lies(Stage& stage, uint64_t features, Function lie) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures | features), "the card takes its offloads");
  MakeTcpPacket(nic);
  const size_t bytes = lie(nic.header(), nic.frame());
  Expect(nic.Send(bytes), "the device returns the chain");
  SetOutcome("dropped");
  ExpectNicAlive(nic);
}

// About where the checksum is to be made and written, of a frame that is not to be segmented.
void LiesAboutTheChecksum(Stage& stage, uint16_t start, uint16_t offset) {
  Lies(stage, kOffloads, [start, offset](virtio::NetHeader& header, std::span<std::byte>) {
    header.gso_type = 0;
    header.checksum_start = start;
    header.checksum_offset = offset;
    return kTcpFrame;
  });
}

// About what is to be segmented.
void LiesAboutTheType(Stage& stage, uint64_t features, unsigned type) {
  Lies(stage, features, [type](virtio::NetHeader& header, std::span<std::byte>) {
    header.gso_type = static_cast<uint8_t>(type);
    return kTcpFrame;
  });
}

void ChecksumBeyondTheFrame(Stage& stage) { LiesAboutTheChecksum(stage, 0xfff0, kTcpChecksum); }
void ChecksumOffsetBeyondTheFrame(Stage& stage) { LiesAboutTheChecksum(stage, kTcp, 0xffff); }
// Both together are one less than they are: 0xfffe in 16 bits.
void ChecksumThatWraps(Stage& stage) { LiesAboutTheChecksum(stage, 0xffff, 0xffff); }
// Written over the sender's address, after the filter has looked at it.
void ChecksumOverTheMacAddress(Stage& stage) { LiesAboutTheChecksum(stage, 0, Nic::kMacBytes); }
void ChecksumOverTheIpAddress(Stage& stage) { LiesAboutTheChecksum(stage, kIp, 12); }

void SegmentsWithoutAChecksum(Stage& stage) {
  Lies(stage, kOffloads, [](virtio::NetHeader& header, std::span<std::byte>) {
    header.flags = 0;
    return kTcpFrame;
  });
}

void SegmentsOfNothing(Stage& stage) {
  Lies(stage, kOffloads, [](virtio::NetHeader& header, std::span<std::byte>) {
    header.gso_size = 0;
    return kTcpFrame;
  });
}

void SegmentsOfUnknownTypes(Stage& stage) {
  for (const unsigned type : {2U, 6U, 0x7fU, 0xffU}) LiesAboutTheType(stage, kOffloads, type);
}

void SegmentsOfUdpFragments(Stage& stage) { LiesAboutTheType(stage, kOffloads, kGsoUdpFragments); }

void SegmentsOfTheOtherFamily(Stage& stage) { LiesAboutTheType(stage, kOffloads, kGsoTcp6); }

void SegmentsOfTheOtherProtocol(Stage& stage) { LiesAboutTheType(stage, kOffloads, kGsoUdp); }

void SegmentsWithEcn(Stage& stage) {
  LiesAboutTheType(stage, kOffloads, kGsoTcp4 | virtio::kNetGsoEcn);
}

// The frame ends in the middle of the headers that each segment repeats.
void SegmentsWithoutHeaders(Stage& stage) {
  for (const size_t bytes : {kIp + 1, kTcp - 1, kTcp + 1, kPayload - 1}) {
    Lies(stage, kOffloads, [bytes](virtio::NetHeader&, std::span<std::byte>) { return bytes; });
  }
}

// The IP header says that it is longer than the frame, the TCP header likewise.
void SegmentsWithHeadersThatLie(Stage& stage) {
  Lies(stage, kOffloads, [](virtio::NetHeader&, std::span<std::byte> frame) {
    frame[kIp] = std::byte{0x4f};
    return kTcp + 4;
  });
  Lies(stage, kOffloads, [](virtio::NetHeader&, std::span<std::byte> frame) {
    frame[kTcp + 12] = std::byte{0xf0};
    return kPayload + 4;
  });
  Lies(stage, kOffloads, [](virtio::NetHeader&, std::span<std::byte> frame) {
    frame[kTcp + 12] = std::byte{0};
    return kTcpFrame;
  });
}

void OffloadsNotNegotiated(Stage& stage) {
  for (const unsigned type : {0U, 1U, 4U, 5U}) LiesAboutTheType(stage, 0, type);
}

// The other CPU changes what the header asks for.
void HeaderChangesMeanwhile(Stage& stage) {
  Nic& nic = *stage.nic;
  Expect(nic.Begin(Nic::kUsualFeatures | kOffloads), "the card takes its offloads");
  nic.Address(Nic::kSink);
  volatile virtio::NetHeader& header = nic.header();
  {
    const Meanwhile other([&header](uint64_t turn) {
      header.flags = static_cast<uint8_t>(turn % 2);
      header.gso_type = static_cast<uint8_t>(turn % 7);
      header.gso_size = static_cast<uint16_t>(turn);
      header.checksum_start = static_cast<uint16_t>(turn * 3);
      header.checksum_offset = static_cast<uint16_t>(turn * 7);
    });
    const std::chrono::nanoseconds deadline = guest::Now() + 3 * kStorm;
    while (guest::Now() < deadline && Expect(nic.Send(Nic::kSmallest), "the chain returns")) {
    }
  }
  SetOutcome("dropped, or sent as it was checked");
  ExpectNicAlive(nic);
}

// What segments cannot be without, left out: the card is not to start like this (5.1.3.1).
void OffloadsWithoutChecksum(Stage& stage) {
  Nic& nic = *stage.nic;
  for (const uint64_t segments :
       {virtio::kNetFeatureHostTso4, virtio::kNetFeatureHostTso6, virtio::kNetFeatureHostUso,
        virtio::kNetFeatureGuestTso4, virtio::kNetFeatureGuestTso6}) {
    const uint32_t status = nic.registers().Negotiate(Nic::kUsualFeatures | segments);
    Expect((status & virtio::kStatusFeaturesOk) == 0, "the features are refused");
    Expect((nic.registers().AddStatus(virtio::kStatusDriverOk) & virtio::kStatusDriverOk) == 0,
           "the card does not start");
  }
  SetOutcome("refused");
  Expect(nic.Begin(Nic::kUsualFeatures | kOffloads), "the card takes what goes together");
  ExpectNicAlive(nic);
}

constexpr auto kAttacks = std::to_array<Attack>({
    {"checksum_beyond_the_frame", ChecksumBeyondTheFrame},
    {"checksum_offset_beyond_the_frame", ChecksumOffsetBeyondTheFrame},
    {"checksum_that_wraps", ChecksumThatWraps},
    {"checksum_over_the_mac_address", ChecksumOverTheMacAddress},
    {"checksum_over_the_ip_address", ChecksumOverTheIpAddress},
    {"segments_without_a_checksum", SegmentsWithoutAChecksum},
    {"segments_of_nothing", SegmentsOfNothing},
    {"segments_of_unknown_types", SegmentsOfUnknownTypes},
    {"segments_of_udp_fragments", SegmentsOfUdpFragments},
    {"segments_of_the_other_family", SegmentsOfTheOtherFamily},
    {"segments_of_the_other_protocol", SegmentsOfTheOtherProtocol},
    {"segments_with_ecn", SegmentsWithEcn},
    {"segments_without_headers", SegmentsWithoutHeaders},
    {"segments_with_headers_that_lie", SegmentsWithHeadersThatLie},
    {"offloads_not_negotiated", OffloadsNotNegotiated},
    {"header_changes_meanwhile", HeaderChangesMeanwhile},
    {"offloads_without_checksum", OffloadsWithoutChecksum},
});

}  // namespace

std::span<const Attack> NetOffloadAttacks() { return kAttacks; }

}  // namespace mayfly::hostile
