#include "virtio/net/filter/net_header_check.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gtest/gtest.h"

namespace mayfly::virtio {
namespace {

using Fault = NetHeaderCheck::Fault;

constexpr uint64_t kEverything = kNetHostOffloads | kNetGuestOffloads;
constexpr size_t kIp4Transport = kEthernetHeaderSize + 20;
constexpr size_t kIp6Transport = kEthernetHeaderSize + 40;
constexpr size_t kTcpHeaderSize = 32;  // with 12 bytes of options
constexpr uint16_t kMss = 1448;

std::vector<std::byte> Bytes(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

void Append(std::vector<std::byte>& frame, const std::vector<std::byte>& bytes) {
  frame.insert(frame.end(), bytes.begin(), bytes.end());
}

std::vector<std::byte> Ethernet(int type_high, int type_low) {
  std::vector<std::byte> frame(12);
  Append(frame, Bytes({type_high, type_low}));
  return frame;
}

std::vector<std::byte> Ip4(IpProtocol protocol) {
  std::vector<std::byte> frame = Ethernet(0x08, 0x00);
  Append(frame, Bytes({0x45, 0, 0, 0, 0,   0, 0x40, 0, 64, static_cast<int>(protocol), 0, 0,  //
                       192,  0, 2, 1, 192, 0, 2,    2}));
  return frame;
}

std::vector<std::byte> Ip6(int next_header) {
  std::vector<std::byte> frame = Ethernet(0x86, 0xdd);
  Append(frame, Bytes({0x60, 0, 0, 0, 0, 0, next_header, 64}));
  frame.resize(kIp6Transport);
  return frame;
}

// With a TCP header of kTcpHeaderSize bytes, and payload up to `size` bytes of the frame.
std::vector<std::byte> WithTcp(std::vector<std::byte> frame, size_t size) {
  std::vector<std::byte> header(kTcpHeaderSize);
  header[12] = static_cast<std::byte>((kTcpHeaderSize / 4) << 4U);
  Append(frame, header);
  frame.resize(std::max(size, frame.size()));
  return frame;
}

std::vector<std::byte> Tcp4(size_t size = 4000) { return WithTcp(Ip4(IpProtocol::kTcp), size); }
std::vector<std::byte> Tcp6(size_t size = 4000) {
  return WithTcp(Ip6(static_cast<int>(IpProtocol::kTcp)), size);
}
std::vector<std::byte> Udp4(size_t size = 4000) {
  std::vector<std::byte> frame = Ip4(IpProtocol::kUdp);
  frame.resize(size);
  return frame;
}

NetHeader Checksum(size_t start, size_t offset) {
  return {.flags = kNetNeedsChecksum,
          .checksum_start = static_cast<uint16_t>(start),
          .checksum_offset = static_cast<uint16_t>(offset)};
}
NetHeader Segments(NetGso type, size_t start, size_t offset, uint16_t size = kMss) {
  NetHeader header = Checksum(start, offset);
  header.gso_type = static_cast<uint8_t>(type);
  header.gso_size = size;
  return header;
}
NetHeader Tso4() { return Segments(NetGso::kTcp4, kIp4Transport, 16); }

class NetHeaderCheckTest : public ::testing::Test {
 protected:
  Fault Check(const std::vector<std::byte>& frame, uint64_t features = kEverything,
              uint16_t mtu = 0) {
    const NetHeaderCheck check(features, mtu);
    const auto head = std::span(frame).first(std::min<size_t>(frame.size(), 256));
    return check.CheckOutgoing(header_, head, frame.size());
  }
  Fault Check(const NetHeader& header, const std::vector<std::byte>& frame,
              uint64_t features = kEverything) {
    header_ = header;
    return Check(frame, features);
  }

  NetHeader header_;
};

TEST_F(NetHeaderCheckTest, PlainFrameNeedsNothing) {
  EXPECT_EQ(Check({}, Ethernet(0x08, 0x06), 0), Fault::kNone);
  EXPECT_EQ(header_, NetHeader());
}

TEST_F(NetHeaderCheckTest, WhatIsToBeIgnoredIsTakenOut) {
  header_ = {.flags = kNetDataValid | kNetRscInfo,
             .header_length = 7,
             .gso_size = 7,
             .checksum_start = 7,
             .checksum_offset = 7,
             .num_buffers = 7};
  EXPECT_EQ(Check(Tcp4()), Fault::kNone);
  EXPECT_EQ(header_, NetHeader());
}

TEST_F(NetHeaderCheckTest, FramesHaveALeastAndAMostSize) {
  EXPECT_EQ(Check({}, std::vector<std::byte>(kEthernetHeaderSize - 1)), Fault::kTooShort);
  EXPECT_EQ(Check({}, std::vector<std::byte>(kMaxFrameSize)), Fault::kNone);
  EXPECT_EQ(Check({}, std::vector<std::byte>(kMaxFrameSize + 1)), Fault::kTooLong);
  EXPECT_EQ(Check(Tso4(), Tcp4(kMaxFrameSize)), Fault::kNone);
  EXPECT_EQ(Check(Tso4(), Tcp4(kMaxFrameSize + 1)), Fault::kTooLong);
}

TEST_F(NetHeaderCheckTest, MtuBindsWhatIsNotCut) {
  constexpr uint16_t kMtu = 1500;
  const uint64_t features = kEverything | kNetFeatureMtu;
  header_ = {};
  EXPECT_EQ(Check(std::vector<std::byte>(kMtu + 22), features, kMtu), Fault::kNone);
  EXPECT_EQ(Check(std::vector<std::byte>(kMtu + 23), features, kMtu), Fault::kTooLong);
  EXPECT_EQ(Check(std::vector<std::byte>(kMtu + 23), kEverything, kMtu), Fault::kNone);
  header_ = Tso4();
  EXPECT_EQ(Check(Tcp4(), features, kMtu), Fault::kNone);
  // Nor what is said to be cut and is not.
  header_ = Segments(NetGso::kTcp4, kIp4Transport, 16, 0xffff);
  EXPECT_EQ(Check(Tcp4(60000), features, kMtu), Fault::kTooLong);
  header_ = Segments(NetGso::kTcp4, kIp4Transport, 16, 0xffff);
  EXPECT_EQ(Check(Tcp4(kMtu + 22), features, kMtu), Fault::kNone);
}

TEST_F(NetHeaderCheckTest, MtuBindsSegments) {
  constexpr uint16_t kMtu = 1500;
  const uint64_t features = kEverything | kNetFeatureMtu;
  // As much as behind two tags.
  const uint16_t most = kMtu + 22 - kIp4Transport - kTcpHeaderSize;
  header_ = Segments(NetGso::kTcp4, kIp4Transport, 16, most);
  EXPECT_EQ(Check(Tcp4(60000), features, kMtu), Fault::kNone);
  header_ = Segments(NetGso::kTcp4, kIp4Transport, 16, most + 1);
  EXPECT_EQ(Check(Tcp4(60000), features, kMtu), Fault::kTooLong);
  header_ = Segments(NetGso::kUdp, kIp4Transport, 6, kMtu);
  EXPECT_EQ(Check(Udp4(60000), features, kMtu), Fault::kTooLong);
  header_ = Segments(NetGso::kUdp, kIp4Transport, 6, kMtu);
  EXPECT_EQ(Check(Udp4(60000), kEverything, kMtu), Fault::kNone);
}

TEST_F(NetHeaderCheckTest, ChecksumNeedsItsFeature) {
  EXPECT_EQ(Check(Checksum(kIp4Transport, 16), Tcp4(), 0), Fault::kNotNegotiated);
  EXPECT_EQ(Check(Checksum(kIp4Transport, 16), Tcp4(), kNetFeatureChecksum), Fault::kNone);
}

TEST_F(NetHeaderCheckTest, ChecksumGoesOnlyWhereTheProtocolHasOne) {
  EXPECT_EQ(Check(Checksum(kIp6Transport, 16), Tcp6()), Fault::kNone);
  EXPECT_EQ(Check(Checksum(kIp4Transport, 6), Udp4()), Fault::kNone);
  // Into the ports, the addresses, the Ethernet header.
  EXPECT_EQ(Check(Checksum(kIp4Transport, 2), Tcp4()), Fault::kChecksum);
  EXPECT_EQ(Check(Checksum(kIp4Transport, 2), Udp4()), Fault::kChecksum);
  EXPECT_EQ(Check(Checksum(kEthernetHeaderSize, 12), Tcp4()), Fault::kChecksum);
  EXPECT_EQ(Check(Checksum(kEthernetHeaderSize, 36), Tcp4()), Fault::kChecksum);
  EXPECT_EQ(Check(Checksum(0, 6), Udp4()), Fault::kChecksum);
  // Type and code of an ICMPv6 message, which the filter has judged.
  std::vector<std::byte> icmp = Ip6(static_cast<int>(IpProtocol::kIcmp6));
  icmp.resize(100);
  EXPECT_EQ(Check(Checksum(kIp6Transport, 0), icmp), Fault::kChecksum);
  EXPECT_EQ(Check(Checksum(kIp6Transport, 2), icmp), Fault::kNone);
}

TEST_F(NetHeaderCheckTest, ChecksumWithinATunnelIsTheInnerPacketsOwn) {
  EXPECT_EQ(Check(Checksum(kIp4Transport + 8, 16), Udp4()), Fault::kNone);
  EXPECT_EQ(Check(Checksum(kIp4Transport + 7, 16), Udp4()), Fault::kChecksum);
  std::vector<std::byte> gre = Ip4(static_cast<IpProtocol>(47));
  gre.resize(200);
  EXPECT_EQ(Check(Checksum(kIp4Transport + 40, 16), gre), Fault::kNone);
  EXPECT_EQ(Check(Checksum(kIp4Transport - 1, 16), gre), Fault::kChecksum);
}

TEST_F(NetHeaderCheckTest, ChecksumStaysWithinTheFrame) {
  const size_t end = kIp4Transport + 18;
  std::vector<std::byte> frame = Ip4(IpProtocol::kTcp);
  frame.resize(end);
  EXPECT_EQ(Check(Checksum(kIp4Transport, 16), frame), Fault::kNone);
  frame.resize(end - 1);
  EXPECT_EQ(Check(Checksum(kIp4Transport, 16), frame), Fault::kChecksum);
  EXPECT_EQ(Check(Checksum(0xffff, 0xffff), Udp4(kMaxFrameSize)), Fault::kChecksum);
}

TEST_F(NetHeaderCheckTest, ChecksumNeedsAPacketThatCanBeUnderstood) {
  EXPECT_EQ(Check(Checksum(20, 2), Ethernet(0x08, 0x06)), Fault::kChecksum);
  std::vector<std::byte> arp = Ethernet(0x08, 0x06);
  arp.resize(100);
  EXPECT_EQ(Check(Checksum(20, 2), arp), Fault::kChecksum);
  std::vector<std::byte> fragment = Tcp4();
  fragment[kEthernetHeaderSize + 6] = std::byte{0x20};  // more fragments
  EXPECT_EQ(Check(Checksum(kIp4Transport, 16), fragment), Fault::kChecksum);
  std::vector<std::byte> short_header = Tcp4();
  short_header[kEthernetHeaderSize] = std::byte{0x44};  // 16 bytes
  EXPECT_EQ(Check(Checksum(kIp4Transport, 16), short_header), Fault::kChecksum);
  std::vector<std::byte> wrong_version = Tcp4();
  wrong_version[kEthernetHeaderSize] = std::byte{0x65};
  EXPECT_EQ(Check(Checksum(kIp4Transport, 16), wrong_version), Fault::kChecksum);
}

TEST_F(NetHeaderCheckTest, LooksBehindTagsOptionsAndExtensionHeaders) {
  std::vector<std::byte> tagged = Tcp4();
  const auto tag = Bytes({0x81, 0x00, 0x00, 0x05});
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  EXPECT_EQ(Check(Checksum(kIp4Transport + 4, 16), tagged), Fault::kNone);
  EXPECT_EQ(Check(Checksum(kIp4Transport, 16), tagged), Fault::kChecksum);
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  EXPECT_EQ(Check(Checksum(kIp4Transport + 8, 16), tagged), Fault::kNone);
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  EXPECT_EQ(Check(Checksum(kIp4Transport + 12, 16), tagged), Fault::kChecksum);

  std::vector<std::byte> options = Tcp4();
  options[kEthernetHeaderSize] = std::byte{0x46};
  EXPECT_EQ(Check(Checksum(kIp4Transport + 4, 16), options), Fault::kNone);

  std::vector<std::byte> extended = Ip6(0);            // hop-by-hop
  Append(extended, Bytes({60, 0, 0, 0, 0, 0, 0, 0}));  // destination options
  Append(extended, Bytes({44, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));  // fragment
  Append(extended, Bytes({6, 0, 0, 0, 0, 0, 0, 0}));                           // of nothing larger
  const size_t transport = extended.size();
  extended = WithTcp(extended, 1000);
  EXPECT_EQ(Check(Checksum(transport, 16), extended), Fault::kNone);
  extended[transport - 5] = std::byte{1};  // more fragments
  EXPECT_EQ(Check(Checksum(transport, 16), extended), Fault::kChecksum);
  // An extension header that goes on behind the frame.
  std::vector<std::byte> endless = Ip6(0);
  Append(endless, Bytes({6, 255, 0, 0, 0, 0, 0, 0}));
  endless.resize(300);
  EXPECT_EQ(Check(Checksum(100, 16), endless), Fault::kChecksum);
}

TEST_F(NetHeaderCheckTest, SegmentationIsDescribedAnew) {
  header_ = Tso4();
  header_.header_length = 9999;
  EXPECT_EQ(Check(Tcp4()), Fault::kNone);
  EXPECT_EQ(header_.header_length, kIp4Transport + kTcpHeaderSize);
  EXPECT_EQ(header_.gso_type, static_cast<uint8_t>(NetGso::kTcp4));
  EXPECT_EQ(Check(Segments(NetGso::kTcp6, kIp6Transport, 16), Tcp6()), Fault::kNone);
  EXPECT_EQ(header_.header_length, kIp6Transport + kTcpHeaderSize);
  EXPECT_EQ(Check(Segments(NetGso::kUdp, kIp4Transport, 6), Udp4()), Fault::kNone);
  EXPECT_EQ(header_.header_length, kIp4Transport + 8);
}

TEST_F(NetHeaderCheckTest, OneSegmentIsNone) {
  EXPECT_EQ(Check(Tso4(), Tcp4(kIp4Transport + kTcpHeaderSize + kMss)), Fault::kNone);
  EXPECT_EQ(header_, Checksum(kIp4Transport, 16));
  EXPECT_EQ(Check(Tso4(), Tcp4(kIp4Transport + kTcpHeaderSize + kMss + 1)), Fault::kNone);
  EXPECT_EQ(header_.gso_size, kMss);
}

TEST_F(NetHeaderCheckTest, SegmentationNeedsItsFeature) {
  EXPECT_EQ(Check(Tso4(), Tcp4(), kEverything & ~kNetFeatureHostTso4), Fault::kNotNegotiated);
  EXPECT_EQ(
      Check(Segments(NetGso::kTcp6, kIp6Transport, 16), Tcp6(), kEverything & ~kNetFeatureHostTso6),
      Fault::kNotNegotiated);
  EXPECT_EQ(
      Check(Segments(NetGso::kUdp, kIp4Transport, 6), Udp4(), kEverything & ~kNetFeatureHostUso),
      Fault::kNotNegotiated);
  EXPECT_EQ(Check(Segments(NetGso::kUdpFragments, kIp4Transport, 6), Udp4()),
            Fault::kNotNegotiated);
  EXPECT_EQ(Check(Segments(static_cast<NetGso>(2), kIp4Transport, 16), Tcp4()),
            Fault::kNotNegotiated);
}

TEST_F(NetHeaderCheckTest, EcnIsForTcpAndNeedsItsFeature) {
  NetHeader header = Tso4();
  header.gso_type |= kNetGsoEcn;
  EXPECT_EQ(Check(header, Tcp4()), Fault::kNone);
  EXPECT_EQ(header_.gso_type, static_cast<uint8_t>(NetGso::kTcp4) | kNetGsoEcn);
  EXPECT_EQ(Check(header, Tcp4(), kEverything & ~kNetFeatureHostEcn), Fault::kNotNegotiated);
  header = Segments(NetGso::kUdp, kIp4Transport, 6);
  header.gso_type |= kNetGsoEcn;
  EXPECT_EQ(Check(header, Udp4()), Fault::kSegmentation);
  header = Checksum(kIp4Transport, 16);
  header.gso_type = kNetGsoEcn;
  EXPECT_EQ(Check(header, Tcp4()), Fault::kNotNegotiated);
}

TEST_F(NetHeaderCheckTest, SegmentationNeedsAChecksum) {
  NetHeader header = Tso4();
  header.flags = 0;
  EXPECT_EQ(Check(header, Tcp4()), Fault::kSegmentation);
}

TEST_F(NetHeaderCheckTest, SegmentationNeedsTheProtocolItNames) {
  EXPECT_EQ(Check(Segments(NetGso::kTcp6, kIp4Transport, 16), Tcp4()), Fault::kSegmentation);
  EXPECT_EQ(Check(Segments(NetGso::kTcp4, kIp6Transport, 16), Tcp6()), Fault::kSegmentation);
  EXPECT_EQ(Check(Segments(NetGso::kTcp4, kIp4Transport, 6), Udp4()), Fault::kSegmentation);
  EXPECT_EQ(Check(Segments(NetGso::kUdp, kIp4Transport, 16), Tcp4()), Fault::kSegmentation);
  // The inner packet of a tunnel.
  EXPECT_EQ(Check(Segments(NetGso::kUdp, kIp4Transport + 36, 6), Udp4()), Fault::kSegmentation);
}

TEST_F(NetHeaderCheckTest, SegmentationNeedsWholeHeadersAndPayload) {
  const size_t headers = kIp4Transport + kTcpHeaderSize;
  EXPECT_EQ(Check(Tso4(), Tcp4(headers)), Fault::kSegmentation);
  EXPECT_EQ(Check(Tso4(), Tcp4(headers + 1)), Fault::kNone);
  std::vector<std::byte> frame = Tcp4();
  frame[kIp4Transport + 12] = std::byte{0x40};  // 16 bytes
  EXPECT_EQ(Check(Tso4(), frame), Fault::kSegmentation);
  frame = Tcp4(headers + 20);
  frame[kIp4Transport + 12] = std::byte{0xf0};  // 60 bytes
  EXPECT_EQ(Check(Tso4(), frame), Fault::kSegmentation);
  std::vector<std::byte> cut = Ip4(IpProtocol::kTcp);
  cut.resize(kIp4Transport + 18);
  EXPECT_EQ(Check(Tso4(), cut), Fault::kSegmentation);
}

TEST_F(NetHeaderCheckTest, SegmentsAreNotTooManyForTheHost) {
  EXPECT_EQ(Check(Segments(NetGso::kTcp4, kIp4Transport, 16, 0), Tcp4()), Fault::kSegmentation);
  EXPECT_EQ(Check(Segments(NetGso::kTcp4, kIp4Transport, 16, 7), Tcp4()), Fault::kSegmentation);
  EXPECT_EQ(Check(Segments(NetGso::kTcp4, kIp4Transport, 16, 8), Tcp4()), Fault::kNone);
  const size_t udp_headers = kIp4Transport + 8;
  EXPECT_EQ(Check(Segments(NetGso::kUdp, kIp4Transport, 6, 1), Udp4(udp_headers + 128)),
            Fault::kNone);
  EXPECT_EQ(Check(Segments(NetGso::kUdp, kIp4Transport, 6, 1), Udp4(udp_headers + 129)),
            Fault::kSegmentation);
  EXPECT_EQ(Check(Segments(NetGso::kUdp, kIp4Transport, 6, 0), Udp4()), Fault::kSegmentation);
}

// Headers that reach beyond what was copied out of the guest's memory could still change.
TEST_F(NetHeaderCheckTest, HeadersMustBeInTheCopy) {
  const std::vector<std::byte> frame = Tcp4();
  NetHeader header = Tso4();
  const NetHeaderCheck check(kEverything, 0);
  const auto head = std::span(frame).first(kIp4Transport + kTcpHeaderSize);
  EXPECT_EQ(check.CheckOutgoing(header, head, frame.size()), Fault::kNone);
  EXPECT_EQ(check.CheckOutgoing(header, head.first(head.size() - 1), frame.size()),
            Fault::kSegmentation);
  EXPECT_EQ(check.CheckOutgoing(header, head.first(kIp4Transport - 1), frame.size()),
            Fault::kChecksum);
}

TEST_F(NetHeaderCheckTest, GuestGetsNothingThatItDidNotAskFor) {
  NetHeaderCheck check(kEverything, 0);
  NetHeader header = Tso4();
  EXPECT_TRUE(check.CheckIncoming(header));
  EXPECT_EQ(header, Tso4());
  header = {.flags = kNetDataValid | kNetRscInfo};
  EXPECT_TRUE(check.CheckIncoming(header));
  EXPECT_EQ(header.flags, kNetDataValid);

  check.SetGuestOffloads(kNetFeatureGuestChecksum | kNetFeatureGuestTso6);
  header = Tso4();
  EXPECT_FALSE(check.CheckIncoming(header));
  header = Segments(NetGso::kTcp6, kIp6Transport, 16);
  EXPECT_TRUE(check.CheckIncoming(header));
  header.gso_type |= kNetGsoEcn;
  EXPECT_FALSE(check.CheckIncoming(header));

  check.SetGuestOffloads(0);
  header = {.flags = kNetDataValid};
  EXPECT_TRUE(check.CheckIncoming(header));
  EXPECT_EQ(header.flags, 0);
  header = Checksum(kIp4Transport, 16);
  EXPECT_FALSE(check.CheckIncoming(header));
}

TEST_F(NetHeaderCheckTest, GuestsOffloadsAreThoseItAccepted) {
  const NetHeaderCheck check(kNetHostOffloads, 0);
  NetHeader header = Checksum(kIp4Transport, 16);
  EXPECT_FALSE(check.CheckIncoming(header));
}

}  // namespace
}  // namespace mayfly::virtio
