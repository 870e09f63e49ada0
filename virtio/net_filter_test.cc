#include "virtio/net_filter.h"

#include <algorithm>
#include <ostream>
#include <string_view>

#include "gtest/gtest.h"
#include "virtio/net_protocol.h"
#include "virtio/testing/frames.h"

namespace mayfly::virtio {

// For GoogleTest's messages.
void PrintTo(NetFilterVerdict verdict, std::ostream* out);
void PrintTo(NetFilterVerdict verdict, std::ostream* out) { *out << Describe(verdict); }

namespace {

using frames::Bytes;
using Verdict = NetFilter::Verdict;

constexpr MacAddress kMac{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}};
constexpr MacAddress kOther{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x02}};
constexpr std::string_view kOwnLinkLocal = "fe80::5eff:fe10:1";  // modified EUI-64 of kMac
constexpr std::string_view kOwn4 = "192.0.2.5";
constexpr std::string_view kOwn6 = "2001:db8::5";
constexpr std::string_view kPeer4 = "198.51.100.7";
constexpr std::string_view kPeer6 = "2001:db8:1::7";

// Protocols and message types.
constexpr uint8_t kIcmp = 1;
constexpr uint8_t kIgmp = 2;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kIcmp6 = 58;
constexpr uint8_t kDestinationOptions = 60;
constexpr uint8_t kEchoRequest6 = 128;
constexpr uint8_t kRouterSolicitation = 133;
constexpr uint8_t kRouterAdvertisement = 134;
constexpr uint8_t kSolicitation = 135;
constexpr uint8_t kAdvertisement = 136;

class NetFilterTest : public testing::Test {
 protected:
  void SetUp() override { config_.mac = kMac; }

  void EnforceAddresses() {
    config_.addresses = {*IpNetwork::Parse("192.0.2.5"), *IpNetwork::Parse("2001:db8::5")};
  }
  void Allow(std::initializer_list<std::string_view> rules) {
    config_.egress.emplace();
    for (const std::string_view rule : rules) {
      const auto parsed = EgressRule::Parse(rule);
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      config_.egress->push_back(*parsed);
    }
  }

  // Shows the filter what a device would.
  [[nodiscard]] Verdict Check(const Bytes& frame) const {
    NetFilter filter(config_);
    const size_t head = std::min(frame.size(), NetFilter::kHeadBytes);
    const Verdict verdict = filter.CheckOutgoing(std::span(frame).first(head), frame.size());
    EXPECT_EQ(filter.dropped(), verdict == Verdict::kPass ? 0U : 1U);
    if (verdict != Verdict::kPass) {
      EXPECT_EQ(filter.dropped(verdict), 1U);
    }
    return verdict;
  }
  [[nodiscard]] Verdict Check4(const frames::Ipv4& packet) const {
    return Check(frames::Ethernet(kMac, frames::kIpv4Type, frames::Ipv4Packet(packet)));
  }
  [[nodiscard]] Verdict Check6(const frames::Ipv6& packet) const {
    return Check(frames::Ethernet(kMac, frames::kIpv6Type, frames::Ipv6Packet(packet)));
  }
  [[nodiscard]] Verdict CheckArp(const Bytes& message) const {
    return Check(frames::Ethernet(kMac, frames::kArpType, message));
  }
  [[nodiscard]] Verdict CheckNeighbour(std::string_view source, std::string_view destination,
                                       const Bytes& message, uint8_t hop_limit = 255) const {
    return Check6({.source = source,
                   .destination = destination,
                   .next = kIcmp6,
                   .hop_limit = hop_limit,
                   .payload = message});
  }

  NetFilterConfig config_;
};

// --- Whatever the policy

TEST_F(NetFilterTest, EveryVerdictHasADescription) {
  for (size_t i = 0; i < static_cast<size_t>(Verdict::kCount); ++i) {
    EXPECT_FALSE(NetFilter::Describe(static_cast<Verdict>(i)).empty()) << i;
  }
}

TEST_F(NetFilterTest, TheSourceMacIsAlwaysEnforced) {
  EXPECT_EQ(Check(frames::Ethernet(kMac, 0x88b5, {})), Verdict::kPass);
  EXPECT_EQ(Check(frames::Ethernet(kOther, 0x88b5, {})), Verdict::kSourceMac);
  EnforceAddresses();
  EXPECT_EQ(Check(frames::Ethernet(kOther, frames::kIpv4Type, {})), Verdict::kSourceMac);
}

TEST_F(NetFilterTest, AFrameIsAtLeastAnEthernetHeader) {
  const Bytes frame = frames::Ethernet(kMac, frames::kIpv4Type, {});
  for (size_t size = 0; size < frame.size(); ++size) {
    EXPECT_EQ(Check({frame.begin(), frame.begin() + static_cast<ptrdiff_t>(size)}),
              Verdict::kMalformed);
  }
}

TEST_F(NetFilterTest, WithoutAPolicyOnlyTheMacCounts) {
  EXPECT_EQ(Check4({.source = "203.0.113.9", .destination = kPeer4, .protocol = kTcp}),
            Verdict::kPass);
  EXPECT_EQ(Check(frames::Ethernet(kMac, 0x8100, frames::Zeroes(50))), Verdict::kPass);
  EXPECT_EQ(CheckArp(frames::Arp(2, kOther, kPeer4, kPeer4)), Verdict::kPass);
}

TEST_F(NetFilterTest, CountsByReason) {
  NetFilter filter(config_);
  const Bytes foreign = frames::Ethernet(kOther, frames::kIpv4Type, {});
  const Bytes own = frames::Ethernet(kMac, frames::kIpv4Type, {});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(filter.CheckOutgoing(foreign, foreign.size()), Verdict::kSourceMac);
  }
  EXPECT_EQ(filter.CheckOutgoing(own, own.size()), Verdict::kPass);
  EXPECT_EQ(filter.CheckOutgoing({}, 0), Verdict::kMalformed);
  EXPECT_EQ(filter.dropped(Verdict::kSourceMac), 3U);
  EXPECT_EQ(filter.dropped(Verdict::kMalformed), 1U);
  EXPECT_EQ(filter.dropped(), 4U);
}

// --- Addresses: IP

TEST_F(NetFilterTest, IpComesFromTheGuestsAddresses) {
  EnforceAddresses();
  const Bytes tcp = frames::Tcp(40000, 80);
  EXPECT_EQ(Check4({.source = kOwn4, .destination = kPeer4, .protocol = kTcp, .payload = tcp}),
            Verdict::kPass);
  EXPECT_EQ(
      Check4({.source = "192.0.2.6", .destination = kPeer4, .protocol = kTcp, .payload = tcp}),
      Verdict::kSourceAddress);
  EXPECT_EQ(Check4({.source = "0.0.0.0", .destination = kPeer4, .protocol = kTcp, .payload = tcp}),
            Verdict::kSourceAddress);
  EXPECT_EQ(Check6({.source = kOwn6, .destination = kPeer6, .next = kTcp, .payload = tcp}),
            Verdict::kPass);
  EXPECT_EQ(Check6({.source = "2001:db8::6", .destination = kPeer6, .next = kTcp, .payload = tcp}),
            Verdict::kSourceAddress);
  EXPECT_EQ(Check6({.source = "::", .destination = kPeer6, .next = kTcp, .payload = tcp}),
            Verdict::kSourceAddress);
  // Not the same address in another family.
  EXPECT_EQ(
      Check6({.source = "::ffff:192.0.2.5", .destination = kPeer6, .next = kTcp, .payload = tcp}),
      Verdict::kSourceAddress);
}

TEST_F(NetFilterTest, ANetworkOfAddressesCanBeGiven) {
  config_.addresses = {*IpNetwork::Parse("192.0.2.0/28")};
  const auto from = [this](std::string_view source) {
    return Check4(
        {.source = source, .destination = kPeer4, .protocol = kUdp, .payload = frames::Udp(1, 2)});
  };
  EXPECT_EQ(from("192.0.2.15"), Verdict::kPass);
  EXPECT_EQ(from("192.0.2.16"), Verdict::kSourceAddress);
}

TEST_F(NetFilterTest, OnlyTheLinkLocalAddressOfTheMacIsItsOwn) {
  EnforceAddresses();
  const auto from = [this](std::string_view source) {
    return Check6({.source = source,
                   .destination = "ff02::fb",
                   .next = kUdp,
                   .hop_limit = 255,
                   .payload = frames::Udp(5353, 5353)});
  };
  EXPECT_EQ(from(kOwnLinkLocal), Verdict::kPass);
  EXPECT_EQ(from("fe80::1"), Verdict::kSourceAddress);
  config_.addresses.push_back(*IpNetwork::Parse("fe80::/10"));
  EXPECT_EQ(from("fe80::1"), Verdict::kPass);
}

TEST_F(NetFilterTest, DhcpWorksWithoutAnAddress) {
  EnforceAddresses();
  const frames::Ipv4 discover = {.source = "0.0.0.0",
                                 .destination = "255.255.255.255",
                                 .protocol = kUdp,
                                 .payload = frames::Udp(68, 67)};
  EXPECT_EQ(Check4(discover), Verdict::kPass);
  frames::Ipv4 elsewhere = discover;
  elsewhere.destination = kPeer4;
  EXPECT_EQ(Check4(elsewhere), Verdict::kSourceAddress);
  frames::Ipv4 other_port = discover;
  other_port.payload = frames::Udp(68, 69);
  EXPECT_EQ(Check4(other_port), Verdict::kSourceAddress);
  frames::Ipv4 fragment = discover;
  fragment.fragment = 0x2000;
  EXPECT_EQ(Check4(fragment), Verdict::kSourceAddress);
}

TEST_F(NetFilterTest, NoDhcpServers) {
  EnforceAddresses();
  EXPECT_EQ(Check4({.source = kOwn4,
                    .destination = "255.255.255.255",
                    .protocol = kUdp,
                    .payload = frames::Udp(67, 68)}),
            Verdict::kRouter);
  EXPECT_EQ(Check6({.source = kOwnLinkLocal,
                    .destination = "fe80::9",
                    .next = kUdp,
                    .payload = frames::Udp(547, 546)}),
            Verdict::kRouter);
  // In IPv6, DHCP's port of IPv4 is like any other.
  EXPECT_EQ(
      Check6(
          {.source = kOwn6, .destination = kPeer6, .next = kUdp, .payload = frames::Udp(67, 68)}),
      Verdict::kPass);
}

TEST_F(NetFilterTest, NoRedirectsAndRouterAdvertisements) {
  EnforceAddresses();
  for (const uint8_t type : {uint8_t{5}, uint8_t{9}}) {
    EXPECT_EQ(Check4({.source = kOwn4,
                      .destination = kPeer4,
                      .protocol = kIcmp,
                      .payload = frames::Icmp(type)}),
              Verdict::kRouter);
  }
  EXPECT_EQ(
      Check4(
          {.source = kOwn4, .destination = kPeer4, .protocol = kIcmp, .payload = frames::Icmp(8)}),
      Verdict::kPass);
  for (const int type : {130, 134, 137, 138, 151}) {
    EXPECT_EQ(Check6({.source = kOwnLinkLocal,
                      .destination = "ff02::1",
                      .next = kIcmp6,
                      .hop_limit = 255,
                      .payload = frames::Icmp(static_cast<uint8_t>(type), frames::Zeroes(40))}),
              Verdict::kRouter)
        << type;
  }
}

TEST_F(NetFilterTest, ListenersReportEvenWithoutAnAddress) {
  EnforceAddresses();
  const Bytes router_alert = frames::Join({frames::Be8(148), frames::Be8(4), frames::Be16(0)});
  const auto igmp = [&](std::string_view source, uint8_t type, uint8_t ttl) {
    return Check4({.source = source,
                   .destination = "224.0.0.22",
                   .protocol = kIgmp,
                   .ttl = ttl,
                   .options = router_alert,
                   .payload = frames::Icmp(type)});
  };
  EXPECT_EQ(igmp("0.0.0.0", 0x22, 1), Verdict::kPass);
  EXPECT_EQ(igmp("0.0.0.0", 0x22, 2), Verdict::kSourceAddress);
  EXPECT_EQ(igmp(kOwn4, 0x22, 1), Verdict::kPass);
  EXPECT_EQ(igmp(kOwn4, 0x11, 1), Verdict::kRouter);
  EXPECT_EQ(igmp("192.0.2.6", 0x22, 1), Verdict::kSourceAddress);

  const Bytes alert6 = frames::Join({frames::Be8(5), frames::Be8(2), frames::Be16(0),  //
                                     frames::Be8(1), frames::Be8(0)});
  const Bytes report =
      frames::Join({frames::Ipv6Options(kIcmp6, alert6), frames::Icmp(143, frames::Zeroes(24))});
  const auto mld = [&](std::string_view source) {
    return Check6({.source = source, .destination = "ff02::16", .hop_limit = 1, .payload = report});
  };
  EXPECT_EQ(mld("::"), Verdict::kPass);
  EXPECT_EQ(mld(kOwnLinkLocal), Verdict::kPass);
  EXPECT_EQ(mld("fe80::1"), Verdict::kSourceAddress);
}

// --- Addresses: ARP

TEST_F(NetFilterTest, ArpSpeaksForTheGuestOnly) {
  EnforceAddresses();
  EXPECT_EQ(CheckArp(frames::Arp(1, kMac, kOwn4, "192.0.2.1")), Verdict::kPass);
  EXPECT_EQ(CheckArp(frames::Arp(2, kMac, kOwn4, "192.0.2.1")), Verdict::kPass);
  EXPECT_EQ(CheckArp(frames::Arp(1, kMac, kOwn4, kOwn4)), Verdict::kPass) << "gratuitous";
  EXPECT_EQ(CheckArp(frames::Arp(1, kMac, "0.0.0.0", kOwn4)), Verdict::kPass) << "probe";
  EXPECT_EQ(CheckArp(frames::Arp(2, kMac, "0.0.0.0", kOwn4)), Verdict::kArp);
  EXPECT_EQ(CheckArp(frames::Arp(1, kOther, kOwn4, "192.0.2.1")), Verdict::kArp);
  EXPECT_EQ(CheckArp(frames::Arp(2, kMac, "192.0.2.1", "192.0.2.9")), Verdict::kArp);
  EXPECT_EQ(CheckArp(frames::Arp(1, kMac, "192.0.2.1", "192.0.2.1")), Verdict::kArp);
  EXPECT_EQ(CheckArp(frames::Arp(3, kMac, kOwn4, kOwn4)), Verdict::kArp) << "reverse ARP";
}

TEST_F(NetFilterTest, ArpIsForIpv4OverEthernet) {
  EnforceAddresses();
  const Bytes good = frames::Arp(1, kMac, kOwn4, "192.0.2.1");
  for (size_t field = 0; field < 6; ++field) {
    Bytes bad = good;
    bad[field] ^= std::byte{0x10};
    EXPECT_EQ(CheckArp(bad), Verdict::kMalformed) << field;
  }
  EXPECT_EQ(CheckArp({good.begin(), good.end() - 1}), Verdict::kMalformed);
}

// --- Addresses: neighbour discovery

TEST_F(NetFilterTest, SolicitationsAskForAnybodyButNameTheGuest) {
  EnforceAddresses();
  const auto solicit = [&](const Bytes& options) {
    return CheckNeighbour(kOwn6, "ff02::1:ff00:1",
                          frames::Neighbour(kSolicitation, "2001:db8::1", options));
  };
  EXPECT_EQ(solicit(frames::LinkLayer(1, kMac)), Verdict::kPass);
  EXPECT_EQ(solicit({}), Verdict::kPass);
  EXPECT_EQ(solicit(frames::LinkLayer(1, kOther)), Verdict::kNeighbour);
  EXPECT_EQ(solicit(frames::LinkLayer(2, kOther)), Verdict::kNeighbour);
  // The second of two counts as well.
  EXPECT_EQ(solicit(frames::Join({frames::LinkLayer(1, kMac), frames::LinkLayer(1, kOther)})),
            Verdict::kNeighbour);
  // An option of 16 bytes is no Ethernet address.
  EXPECT_EQ(
      solicit(frames::Join({frames::Be8(1), frames::Be8(2), frames::Mac(kMac), frames::Zeroes(8)})),
      Verdict::kNeighbour);
  // A nonce is nobody's claim (RFC 7527).
  EXPECT_EQ(solicit(frames::Join({frames::Be8(14), frames::Be8(1), frames::Zeroes(6)})),
            Verdict::kPass);
}

TEST_F(NetFilterTest, NeighbourMessagesAreWellFormed) {
  EnforceAddresses();
  const auto send = [&](const Bytes& message, uint8_t hop_limit = 255) {
    return CheckNeighbour(kOwn6, "ff02::1:ff00:1", message, hop_limit);
  };
  const Bytes good = frames::Neighbour(kSolicitation, "2001:db8::1");
  EXPECT_EQ(send(good), Verdict::kPass);
  EXPECT_EQ(send(good, 64), Verdict::kNeighbour);
  EXPECT_EQ(send({good.begin(), good.end() - 1}), Verdict::kMalformed);
  Bytes coded = good;
  coded[1] = std::byte{1};
  EXPECT_EQ(send(coded), Verdict::kNeighbour);
  EXPECT_EQ(send(frames::Neighbour(kSolicitation, "ff02::1")), Verdict::kNeighbour);
  // Options without a length, longer than the message, cut off.
  EXPECT_EQ(send(frames::Join({good, frames::Zeroes(8)})), Verdict::kMalformed);
  EXPECT_EQ(send(frames::Join({good, frames::Be8(14), frames::Be8(2), frames::Zeroes(6)})),
            Verdict::kMalformed);
  EXPECT_EQ(send(frames::Join({good, frames::Be8(14), frames::Be8(1)})), Verdict::kMalformed);
  // Options behind what is looked at.
  EXPECT_EQ(send(frames::Join({good, frames::Be8(14), frames::Be8(40), frames::Zeroes(318)})),
            Verdict::kHiddenHeader);
  // In fragments, nobody could tell (RFC 6980).
  EXPECT_EQ(Check6({.source = kOwn6,
                    .destination = "ff02::1",
                    .next = 44,
                    .hop_limit = 255,
                    .payload = frames::Join({frames::Ipv6Fragment(kIcmp6, 1), good})}),
            Verdict::kFragment);
}

TEST_F(NetFilterTest, AdvertisementsAreOfTheGuestsAddresses) {
  EnforceAddresses();
  const auto advertise = [&](std::string_view target, const Bytes& options) {
    return CheckNeighbour(kOwn6, "ff02::1", frames::Neighbour(kAdvertisement, target, options));
  };
  EXPECT_EQ(advertise(kOwn6, frames::LinkLayer(2, kMac)), Verdict::kPass);
  EXPECT_EQ(advertise(kOwnLinkLocal, frames::LinkLayer(2, kMac)), Verdict::kPass);
  EXPECT_EQ(advertise("2001:db8::1", frames::LinkLayer(2, kMac)), Verdict::kNeighbour);
  EXPECT_EQ(advertise("fe80::1", frames::LinkLayer(2, kMac)), Verdict::kNeighbour);
  EXPECT_EQ(advertise(kOwn6, frames::LinkLayer(2, kOther)), Verdict::kNeighbour);
  EXPECT_EQ(CheckNeighbour("fe80::1", "ff02::1", frames::Neighbour(kAdvertisement, kOwn6)),
            Verdict::kSourceAddress);
  EXPECT_EQ(CheckNeighbour("::", "ff02::1", frames::Neighbour(kAdvertisement, kOwn6)),
            Verdict::kSourceAddress);
}

TEST_F(NetFilterTest, DuplicateAddressDetectionIsForTheGuestsAddresses) {
  EnforceAddresses();
  const auto detect = [&](std::string_view target, const Bytes& options = {}) {
    return CheckNeighbour("::", "ff02::1:ff00:5",
                          frames::Neighbour(kSolicitation, target, options));
  };
  EXPECT_EQ(detect(kOwn6), Verdict::kPass);
  EXPECT_EQ(detect(kOwnLinkLocal), Verdict::kPass);
  EXPECT_EQ(detect("fe80::1"), Verdict::kNeighbour) << "would keep its owner from it";
  EXPECT_EQ(detect(kOwn6, frames::LinkLayer(1, kMac)), Verdict::kNeighbour);
}

TEST_F(NetFilterTest, RouterSolicitations) {
  EnforceAddresses();
  const auto solicit = [&](std::string_view source, const Bytes& options) {
    return CheckNeighbour(source, "ff02::2",
                          frames::Join({frames::Icmp(kRouterSolicitation), options}));
  };
  EXPECT_EQ(solicit("::", {}), Verdict::kPass);
  EXPECT_EQ(solicit(kOwnLinkLocal, frames::LinkLayer(1, kMac)), Verdict::kPass);
  EXPECT_EQ(solicit("::", frames::LinkLayer(1, kMac)), Verdict::kNeighbour);
  EXPECT_EQ(solicit(kOwnLinkLocal, frames::LinkLayer(1, kOther)), Verdict::kNeighbour);
  // Inverse neighbour discovery (RFC 3122).
  EXPECT_EQ(CheckNeighbour(kOwn6, "ff02::1", frames::Icmp(142, frames::Zeroes(40))),
            Verdict::kNeighbour);
}

// --- What hides

TEST_F(NetFilterTest, OtherEtherTypesAreDroppedUnderEitherPolicy) {
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

TEST_F(NetFilterTest, Ipv4HeadersAreWhole) {
  EnforceAddresses();
  const Bytes good = frames::Ethernet(kMac, frames::kIpv4Type,
                                      frames::Ipv4Packet({.source = kOwn4,
                                                          .destination = kPeer4,
                                                          .protocol = kUdp,
                                                          .payload = frames::Udp(1, 2)}));
  EXPECT_EQ(Check(good), Verdict::kPass);
  for (size_t size = kEthernetHeaderSize; size < good.size(); ++size) {
    EXPECT_EQ(Check({good.begin(), good.begin() + static_cast<ptrdiff_t>(size)}),
              Verdict::kMalformed)
        << size;
  }
  const auto with = [&](size_t offset, int value) {
    Bytes bad = good;
    bad[kEthernetHeaderSize + offset] = static_cast<std::byte>(value);
    return Check(bad);
  };
  EXPECT_EQ(with(0, 0x65), Verdict::kMalformed) << "version";
  EXPECT_EQ(with(0, 0x44), Verdict::kMalformed) << "header length";
  EXPECT_EQ(with(0, 0x4f), Verdict::kMalformed) << "header length beyond the frame";
  EXPECT_EQ(with(3, 19), Verdict::kMalformed) << "total length within the header";
  EXPECT_EQ(with(3, 23), Verdict::kMalformed) << "total length without the ports";
  EXPECT_EQ(with(3, 29), Verdict::kMalformed) << "total length beyond the frame";
  EXPECT_EQ(Check(frames::Join({good, frames::Zeroes(18)})), Verdict::kPass) << "padding";
}

TEST_F(NetFilterTest, Ipv4OptionsThatDoNoHarm) {
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

TEST_F(NetFilterTest, Ipv6HeadersAreWhole) {
  EnforceAddresses();
  const Bytes pad = {std::byte{1}, std::byte{4}, {}, {}, {}, {}};
  const Bytes good = frames::Ethernet(
      kMac, frames::kIpv6Type,
      frames::Ipv6Packet(
          {.source = kOwn6,
           .destination = kPeer6,
           .next = kDestinationOptions,
           .payload = frames::Join({frames::Ipv6Options(kUdp, pad), frames::Udp(1, 2)})}));
  EXPECT_EQ(Check(good), Verdict::kPass);
  for (size_t size = kEthernetHeaderSize; size < good.size(); ++size) {
    EXPECT_EQ(Check({good.begin(), good.begin() + static_cast<ptrdiff_t>(size)}),
              Verdict::kMalformed)
        << size;
  }
  const auto with = [&](size_t offset, int value) {
    Bytes bad = good;
    bad[kEthernetHeaderSize + offset] = static_cast<std::byte>(value);
    return Check(bad);
  };
  EXPECT_EQ(with(0, 0x40), Verdict::kMalformed) << "version";
  EXPECT_EQ(with(5, 4), Verdict::kMalformed) << "payload within the extension header";
  EXPECT_EQ(with(5, 11), Verdict::kMalformed) << "payload without the ports";
  EXPECT_EQ(with(41, 2), Verdict::kMalformed) << "extension header beyond the packet";
}

TEST_F(NetFilterTest, Ipv6ExtensionHeadersThatDoNoHarm) {
  EnforceAddresses();
  const auto with = [&](uint8_t next, const Bytes& payload) {
    return Check6({.source = kOwn6, .destination = kPeer6, .next = next, .payload = payload});
  };
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

TEST_F(NetFilterTest, OneLongHeaderForManySegments) {
  EnforceAddresses();
  Allow({"198.51.100.0/24:tcp:443"});
  const auto send = [&](uint16_t port) {
    return Check4({.source = kOwn4,
                   .destination = kPeer4,
                   .protocol = kTcp,
                   .payload = frames::Join({frames::Tcp(40000, port), frames::Zeroes(60000)})});
  };
  EXPECT_EQ(send(443), Verdict::kPass);
  EXPECT_EQ(send(80), Verdict::kEgress);
}

// --- Egress

TEST_F(NetFilterTest, NothingLeavesWithoutARule) {
  Allow({});
  EXPECT_EQ(Check4({.source = kOwn4,
                    .destination = kPeer4,
                    .protocol = kTcp,
                    .payload = frames::Tcp(40000, 443)}),
            Verdict::kEgress);
  EXPECT_EQ(Check6({.source = kOwn6,
                    .destination = kPeer6,
                    .next = kUdp,
                    .payload = frames::Udp(40000, 53)}),
            Verdict::kEgress);
  EXPECT_EQ(Check4({.source = kOwn4,
                    .destination = "224.0.0.251",
                    .protocol = kUdp,
                    .payload = frames::Udp(5353, 5353)}),
            Verdict::kEgress);
}

TEST_F(NetFilterTest, RulesOfDestinationProtocolAndPorts) {
  Allow({"198.51.100.0/24:tcp:443", "2001:db8:1::/48:udp:5000-5009", "203.0.113.1:icmp",
         "203.0.113.2", "2001:db8:2::/48:icmp"});
  const auto send4 = [&](std::string_view destination, uint8_t protocol, const Bytes& payload) {
    return Check4(
        {.source = kOwn4, .destination = destination, .protocol = protocol, .payload = payload});
  };
  const auto send6 = [&](std::string_view destination, uint8_t protocol, const Bytes& payload) {
    return Check6(
        {.source = kOwn6, .destination = destination, .next = protocol, .payload = payload});
  };
  EXPECT_EQ(send4("198.51.100.255", kTcp, frames::Tcp(1, 443)), Verdict::kPass);
  EXPECT_EQ(send4("198.51.101.0", kTcp, frames::Tcp(1, 443)), Verdict::kEgress);
  EXPECT_EQ(send4("198.51.100.255", kTcp, frames::Tcp(443, 444)), Verdict::kEgress);
  EXPECT_EQ(send4("198.51.100.255", kUdp, frames::Udp(1, 443)), Verdict::kEgress);
  EXPECT_EQ(send6(kPeer6, kUdp, frames::Udp(1, 4999)), Verdict::kEgress);
  EXPECT_EQ(send6(kPeer6, kUdp, frames::Udp(1, 5000)), Verdict::kPass);
  EXPECT_EQ(send6(kPeer6, kUdp, frames::Udp(1, 5009)), Verdict::kPass);
  EXPECT_EQ(send6(kPeer6, kUdp, frames::Udp(1, 5010)), Verdict::kEgress);
  EXPECT_EQ(send4("203.0.113.1", kIcmp, frames::Icmp(8)), Verdict::kPass);
  EXPECT_EQ(send4("203.0.113.1", kIcmp6, frames::Icmp(128)), Verdict::kEgress);
  EXPECT_EQ(send6("2001:db8:2::1", kIcmp6, frames::Icmp(kEchoRequest6)), Verdict::kPass);
  EXPECT_EQ(send6("2001:db8:2::1", kIcmp, frames::Icmp(8)), Verdict::kEgress);
  EXPECT_EQ(send4("203.0.113.2", kTcp, frames::Tcp(1, 2)), Verdict::kPass);
  EXPECT_EQ(send4("203.0.113.2", 132, {}), Verdict::kPass) << "whatever protocol";
}

TEST_F(NetFilterTest, FragmentsWithoutPorts) {
  Allow({"198.51.100.0/24:tcp:443", "203.0.113.0/24:tcp"});
  constexpr uint16_t kMore = 0x2000;
  const auto send = [&](std::string_view destination, uint16_t fragment, const Bytes& payload) {
    return Check4({.source = kOwn4,
                   .destination = destination,
                   .protocol = kTcp,
                   .fragment = fragment,
                   .payload = payload});
  };
  EXPECT_EQ(send(kPeer4, kMore, frames::Tcp(1, 443)), Verdict::kPass);
  EXPECT_EQ(send(kPeer4, kMore, frames::Tcp(1, 80)), Verdict::kEgress);
  EXPECT_EQ(send(kPeer4, kMore, frames::Zeroes(3)), Verdict::kMalformed) << "tiny first fragment";
  // Bytes that look like the right ports are none.
  EXPECT_EQ(send(kPeer4, 1, frames::Tcp(1, 443)), Verdict::kFragment);
  EXPECT_EQ(send("203.0.113.5", 1, frames::Zeroes(8)), Verdict::kPass) << "all ports";
  EXPECT_EQ(send("192.0.2.77", 1, frames::Zeroes(8)), Verdict::kEgress);
}

TEST_F(NetFilterTest, Ipv6FragmentsWithoutPorts) {
  Allow({"2001:db8:1::/48:udp:53", "2001:db8:2::/48:udp"});
  const auto send = [&](std::string_view destination, uint16_t field, const Bytes& payload) {
    return Check6({.source = kOwn6,
                   .destination = destination,
                   .next = 44,
                   .payload = frames::Join({frames::Ipv6Fragment(kUdp, field), payload})});
  };
  EXPECT_EQ(send(kPeer6, 1, frames::Udp(1, 53)), Verdict::kPass) << "first";
  EXPECT_EQ(send(kPeer6, 0, frames::Udp(1, 53)), Verdict::kPass) << "atomic";
  EXPECT_EQ(send(kPeer6, 0, frames::Udp(1, 54)), Verdict::kEgress);
  EXPECT_EQ(send(kPeer6, 8, frames::Udp(1, 53)), Verdict::kFragment);
  EXPECT_EQ(send("2001:db8:2::1", 8, frames::Zeroes(8)), Verdict::kPass);
  EXPECT_EQ(send(kPeer6, 1, frames::Zeroes(2)), Verdict::kMalformed);
  // Two fragment headers.
  EXPECT_EQ(Check6({.source = kOwn6,
                    .destination = kPeer6,
                    .next = 44,
                    .payload = frames::Join({frames::Ipv6Fragment(44, 1),
                                             frames::Ipv6Fragment(kUdp, 1), frames::Udp(1, 53)})}),
            Verdict::kMalformed);
}

TEST_F(NetFilterTest, ASourceRouteDoesNotLeadAroundARule) {
  Allow({"198.51.100.7:udp:53", "2001:db8:1::7:udp:53"});
  const Bytes route = frames::Join({frames::Be8(131), frames::Be8(7), frames::Be8(4),
                                    frames::Ip("203.0.113.66"), frames::Be8(0)});
  EXPECT_EQ(Check4({.source = kOwn4,
                    .destination = kPeer4,
                    .protocol = kUdp,
                    .options = route,
                    .payload = frames::Udp(1, 53)}),
            Verdict::kHiddenHeader);
  const Bytes segment = frames::Join({frames::Be8(kUdp), frames::Be8(2), frames::Be8(4),
                                      frames::Be8(1), frames::Zeroes(4), frames::Ip(kPeer6)});
  EXPECT_EQ(Check6({.source = kOwn6,
                    .destination = kPeer6,
                    .next = 43,
                    .payload = frames::Join({segment, frames::Udp(1, 53)})}),
            Verdict::kHiddenHeader);
}

TEST_F(NetFilterTest, WhatTheLinkNeedsLeavesWithoutARule) {
  Allow({});
  EXPECT_EQ(CheckArp(frames::Arp(1, kMac, kOwn4, "192.0.2.1")), Verdict::kPass);
  EXPECT_EQ(CheckArp(frames::Zeroes(28)), Verdict::kMalformed);
  EXPECT_EQ(Check4({.source = "0.0.0.0",
                    .destination = "255.255.255.255",
                    .protocol = kUdp,
                    .payload = frames::Udp(68, 67)}),
            Verdict::kPass);
  EXPECT_EQ(Check6({.source = kOwnLinkLocal,
                    .destination = "ff02::1:2",
                    .next = kUdp,
                    .payload = frames::Udp(546, 547)}),
            Verdict::kPass);
  EXPECT_EQ(CheckNeighbour(kOwnLinkLocal, "ff02::2", frames::Icmp(kRouterSolicitation)),
            Verdict::kPass);
  EXPECT_EQ(CheckNeighbour(kOwnLinkLocal, "fe80::1", frames::Neighbour(kSolicitation, "fe80::1")),
            Verdict::kPass);
  EXPECT_EQ(Check4({.source = kOwn4,
                    .destination = "224.0.0.22",
                    .protocol = kIgmp,
                    .ttl = 1,
                    .payload = frames::Icmp(0x22)}),
            Verdict::kPass);
}

TEST_F(NetFilterTest, WhatTheLinkNeedsIsNoWayOut) {
  Allow({"2001:db8:1::/48:tcp:443"});
  // Neighbour discovery to somewhere else, or that a router forwards.
  const Bytes solicitation = frames::Neighbour(kSolicitation, kPeer6);
  EXPECT_EQ(CheckNeighbour(kOwn6, kPeer6, solicitation), Verdict::kPass) << "a rule leads there";
  EXPECT_EQ(CheckNeighbour(kOwn6, "2001:db8:3::1", solicitation), Verdict::kEgress);
  EXPECT_EQ(CheckNeighbour(kOwn6, "ff0e::1", solicitation), Verdict::kEgress);
  EXPECT_EQ(CheckNeighbour(kOwn6, "ff02::1", solicitation, 64), Verdict::kEgress);
  EXPECT_EQ(CheckNeighbour(kOwn6, "ff02::1", frames::Icmp(kRouterAdvertisement)), Verdict::kEgress);
  EXPECT_EQ(Check4({.source = kOwn4,
                    .destination = kPeer4,
                    .protocol = kUdp,
                    .payload = frames::Udp(68, 67)}),
            Verdict::kEgress);
  EXPECT_EQ(Check4({.source = kOwn4,
                    .destination = "239.1.2.3",
                    .protocol = kIgmp,
                    .ttl = 64,
                    .payload = frames::Icmp(0x22)}),
            Verdict::kEgress);
}

TEST_F(NetFilterTest, BothPoliciesAtOnce) {
  EnforceAddresses();
  Allow({"0.0.0.0/0:tcp"});
  const auto send = [&](std::string_view source, uint8_t protocol) {
    return Check4({.source = source,
                   .destination = kPeer4,
                   .protocol = protocol,
                   .payload = frames::Tcp(1, 2)});
  };
  EXPECT_EQ(send(kOwn4, kTcp), Verdict::kPass);
  EXPECT_EQ(send(kOwn4, kUdp), Verdict::kEgress);
  EXPECT_EQ(send(kPeer4, kTcp), Verdict::kSourceAddress);
}

}  // namespace
}  // namespace mayfly::virtio
