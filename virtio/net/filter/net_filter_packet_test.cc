#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gtest/gtest.h"
#include "virtio/net/testing/net_filter_fixture.h"

namespace mayfly::virtio {
namespace {

using NetFilterPacketTest = NetFilterFixture;

TEST_F(NetFilterPacketTest, OtherEtherTypesAreDroppedUnderEitherPolicy) {
  const Bytes inner = frames::Ipv4Packet(
      {.source = kOwn4, .destination = kPeer4, .protocol = kTcp, .payload = frames::Tcp(1, 80)});
  const auto all_dropped = [&] {
    // A VLAN tag, two of them, a priority tag, MPLS, PPPoE, 802.2 with SNAP, reverse ARP.
    for (const int type : {0x8100, 0x88a8, 0x9100, 0x8847, 0x8864, 0x0050, 0x8035}) {
      const Bytes tagged = frames::Join({frames::Be16(0), frames::Be16(frames::kIpv4Type), inner});
      EXPECT_EQ(Check(frames::Ethernet(kMac, static_cast<uint16_t>(type), tagged)),
                Verdict::kEtherType)
          << type;
    }
  };
  EnforceAddresses();
  all_dropped();
  config_.addresses.clear();
  Allow({"0.0.0.0/0", "::/0"});
  all_dropped();
}

TEST_F(NetFilterPacketTest, Ipv4HeadersAreWhole) {
  EnforceAddresses();
  const Bytes good = frames::Ethernet(kMac, frames::kIpv4Type,
                                      frames::Ipv4Packet({.source = kOwn4,
                                                          .destination = kPeer4,
                                                          .protocol = kUdp,
                                                          .payload = frames::Udp(1, 2)}));
  ExpectMalformedCutAnywhere(good);
  ExpectMalformed(good, {{.offset = 0, .value = 0x65, .why = "version"},
                         {.offset = 0, .value = 0x44, .why = "header length"},
                         {.offset = 0, .value = 0x4f, .why = "header length beyond the frame"},
                         {.offset = 3, .value = 19, .why = "total length within the header"},
                         {.offset = 3, .value = 23, .why = "total length without the ports"},
                         {.offset = 3, .value = 29, .why = "total length beyond the frame"}});
  EXPECT_EQ(Check(frames::Join({good, frames::Zeroes(18)})), Verdict::kPass) << "padding";
}

TEST_F(NetFilterPacketTest, Ipv4OptionsThatDoNoHarm) {
  EnforceAddresses();
  const auto with = [&](const Bytes& options) {
    return Check4({.source = kOwn4,
                   .destination = kPeer4,
                   .protocol = kUdp,
                   .options = options,
                   .payload = frames::Udp(1, 2)});
  };
  const auto option = [](uint8_t kind, uint8_t length, size_t rest) {
    return frames::Join({frames::Be8(kind), frames::Be8(length), frames::Zeroes(rest)});
  };
  EXPECT_EQ(with({4, std::byte{1}}), Verdict::kPass) << "no operation";
  EXPECT_EQ(with(frames::Zeroes(4)), Verdict::kPass) << "end";
  EXPECT_EQ(with(option(7, 7, 6)), Verdict::kPass) << "record route";
  EXPECT_EQ(with(option(148, 4, 2)), Verdict::kPass) << "router alert";
  EXPECT_EQ(with(option(131, 7, 6)), Verdict::kHiddenHeader) << "loose source route";
  EXPECT_EQ(with(option(137, 7, 6)), Verdict::kHiddenHeader) << "strict source route";
  EXPECT_EQ(with(option(130, 8, 6)), Verdict::kHiddenHeader) << "security";
  EXPECT_EQ(with(option(7, 1, 2)), Verdict::kMalformed);
  EXPECT_EQ(with(option(7, 5, 2)), Verdict::kMalformed);
  EXPECT_EQ(with({std::byte{1}, std::byte{1}, std::byte{1}, std::byte{7}}), Verdict::kMalformed);
}

TEST_F(NetFilterPacketTest, Ipv6HeadersAreWhole) {
  EnforceAddresses();
  const Bytes pad = {std::byte{1}, std::byte{4}, {}, {}, {}, {}};
  const Bytes good = frames::Ethernet(
      kMac, frames::kIpv6Type,
      frames::Ipv6Packet(
          {.source = kOwn6,
           .destination = kPeer6,
           .next = kDestinationOptions,
           .payload = frames::Join({frames::Ipv6Options(kUdp, pad), frames::Udp(1, 2)})}));
  ExpectMalformedCutAnywhere(good);
  ExpectMalformed(good, {{.offset = 0, .value = 0x40, .why = "version"},
                         {.offset = 5, .value = 4, .why = "payload within the extension header"},
                         {.offset = 5, .value = 11, .why = "payload without the ports"},
                         {.offset = 41, .value = 2, .why = "extension header beyond the packet"}});
}

TEST_F(NetFilterPacketTest, Ipv6ExtensionHeadersThatDoNoHarm) {
  EnforceAddresses();
  const auto with = [&](uint8_t next, const Bytes& payload) { return CheckOwn6(next, payload); };
  const Bytes udp = frames::Udp(1, 2);
  const auto options = [&](const Bytes& content) {
    return frames::Join({frames::Ipv6Options(kUdp, content), udp});
  };
  EXPECT_EQ(with(0, options(frames::Zeroes(6))), Verdict::kPass) << "padding, hop by hop";
  EXPECT_EQ(with(60, options(frames::Zeroes(14))), Verdict::kPass) << "padding";
  EXPECT_EQ(with(60, options({std::byte{201},
                              std::byte{16},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {},
                              {}})),
            Verdict::kHiddenHeader)
      << "home address";
  EXPECT_EQ(with(0, options({std::byte{194}, std::byte{4}, {}, {}, {}, {}})),
            Verdict::kHiddenHeader)
      << "jumbo payload";
  EXPECT_EQ(with(0, options({std::byte{1}, std::byte{5}, {}, {}, {}, {}})), Verdict::kMalformed);
  // Routing, authentication, mobility, HIP, shim6, experiments.
  for (const int next : {43, 51, 135, 139, 140, 253, 254}) {
    EXPECT_EQ(with(static_cast<uint8_t>(next), options(frames::Zeroes(6))), Verdict::kHiddenHeader)
        << next;
  }
  // Hop-by-hop comes first.
  EXPECT_EQ(with(60, frames::Join(
                         {frames::Ipv6Options(0, frames::Zeroes(6)), options(frames::Zeroes(6))})),
            Verdict::kMalformed);
  // Ports behind what is looked at.
  EXPECT_EQ(with(60, options(frames::Zeroes(246))), Verdict::kHiddenHeader);
}

TEST_F(NetFilterPacketTest, OneLongHeaderForManySegments) {
  EnforceAddresses();
  Allow({"198.51.100.0/24:tcp:443"});
  const auto send = [&](uint16_t port) {
    return CheckOwn4(kTcp, frames::Join({frames::Tcp(40000, port), frames::Zeroes(60000)}));
  };
  EXPECT_EQ(send(443), Verdict::kPass);
  EXPECT_EQ(send(80), Verdict::kEgress);
}

}  // namespace
}  // namespace mayfly::virtio
