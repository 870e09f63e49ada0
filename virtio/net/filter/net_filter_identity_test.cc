#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gtest/gtest.h"
#include "virtio/net/testing/net_filter_fixture.h"

namespace mayfly::virtio {
namespace {

using NetFilterIdentityTest = NetFilterFixture;

// --- IP

TEST_F(NetFilterIdentityTest, IpComesFromTheGuestsAddresses) {
  EnforceAddresses();
  const Bytes tcp = frames::Tcp(40000, 80);
  EXPECT_EQ(CheckOwn4(kTcp, tcp), Verdict::kPass);
  EXPECT_EQ(
      Check4({.source = "192.0.2.6", .destination = kPeer4, .protocol = kTcp, .payload = tcp}),
      Verdict::kSourceAddress);
  EXPECT_EQ(Check4({.source = "0.0.0.0", .destination = kPeer4, .protocol = kTcp, .payload = tcp}),
            Verdict::kSourceAddress);
  EXPECT_EQ(CheckOwn6(kTcp, tcp), Verdict::kPass);
  EXPECT_EQ(Check6({.source = "2001:db8::6", .destination = kPeer6, .next = kTcp, .payload = tcp}),
            Verdict::kSourceAddress);
  EXPECT_EQ(Check6({.source = "::", .destination = kPeer6, .next = kTcp, .payload = tcp}),
            Verdict::kSourceAddress);
  // Not the same address in another family.
  EXPECT_EQ(
      Check6({.source = "::ffff:192.0.2.5", .destination = kPeer6, .next = kTcp, .payload = tcp}),
      Verdict::kSourceAddress);
}

TEST_F(NetFilterIdentityTest, ANetworkOfAddressesCanBeGiven) {
  config_.addresses = {*IpNetwork::Parse("192.0.2.0/28")};
  const auto from = [this](std::string_view source) {
    return Check4(
        {.source = source, .destination = kPeer4, .protocol = kUdp, .payload = frames::Udp(1, 2)});
  };
  EXPECT_EQ(from("192.0.2.15"), Verdict::kPass);
  EXPECT_EQ(from("192.0.2.16"), Verdict::kSourceAddress);
}

TEST_F(NetFilterIdentityTest, OnlyTheLinkLocalAddressOfTheMacIsItsOwn) {
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

TEST_F(NetFilterIdentityTest, DhcpWorksWithoutAnAddress) {
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

TEST_F(NetFilterIdentityTest, NoDhcpServers) {
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
  EXPECT_EQ(CheckOwn6(kUdp, frames::Udp(67, 68)), Verdict::kPass);
}

TEST_F(NetFilterIdentityTest, NoRedirectsAndRouterAdvertisements) {
  EnforceAddresses();
  for (const uint8_t type : {uint8_t{5}, uint8_t{9}}) {
    EXPECT_EQ(CheckOwn4(kIcmp, frames::Icmp(type)), Verdict::kRouter);
  }
  EXPECT_EQ(CheckOwn4(kIcmp, frames::Icmp(8)), Verdict::kPass);
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

TEST_F(NetFilterIdentityTest, ListenersReportEvenWithoutAnAddress) {
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

// --- ARP

TEST_F(NetFilterIdentityTest, ArpSpeaksForTheGuestOnly) {
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

TEST_F(NetFilterIdentityTest, ArpIsForIpv4OverEthernet) {
  EnforceAddresses();
  const Bytes good = frames::Arp(1, kMac, kOwn4, "192.0.2.1");
  for (size_t field = 0; field < 6; ++field) {
    Bytes bad = good;
    bad[field] ^= std::byte{0x10};
    EXPECT_EQ(CheckArp(bad), Verdict::kMalformed) << field;
  }
  EXPECT_EQ(CheckArp({good.begin(), good.end() - 1}), Verdict::kMalformed);
}

// --- Neighbour discovery

TEST_F(NetFilterIdentityTest, SolicitationsAskForAnybodyButNameTheGuest) {
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

TEST_F(NetFilterIdentityTest, NeighbourMessagesAreWellFormed) {
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

TEST_F(NetFilterIdentityTest, AdvertisementsAreOfTheGuestsAddresses) {
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

TEST_F(NetFilterIdentityTest, DuplicateAddressDetectionIsForTheGuestsAddresses) {
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

TEST_F(NetFilterIdentityTest, RouterSolicitations) {
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

}  // namespace
}  // namespace mayfly::virtio
