#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gtest/gtest.h"
#include "virtio/net/testing/net_filter_fixture.h"

namespace mayfly::virtio {
namespace {

using NetFilterEgressTest = NetFilterFixture;

TEST_F(NetFilterEgressTest, NothingLeavesWithoutARule) {
  Allow({});
  EXPECT_EQ(CheckOwn4(kTcp, frames::Tcp(40000, 443)), Verdict::kEgress);
  EXPECT_EQ(CheckOwn6(kUdp, frames::Udp(40000, 53)), Verdict::kEgress);
  EXPECT_EQ(Check4({.source = kOwn4,
                    .destination = "224.0.0.251",
                    .protocol = kUdp,
                    .payload = frames::Udp(5353, 5353)}),
            Verdict::kEgress);
}

TEST_F(NetFilterEgressTest, RulesOfDestinationProtocolAndPorts) {
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

TEST_F(NetFilterEgressTest, FragmentsWithoutPorts) {
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

TEST_F(NetFilterEgressTest, Ipv6FragmentsWithoutPorts) {
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
  EXPECT_EQ(CheckOwn6(44, frames::Join({frames::Ipv6Fragment(44, 1), frames::Ipv6Fragment(kUdp, 1),
                                        frames::Udp(1, 53)})),
            Verdict::kMalformed);
}

TEST_F(NetFilterEgressTest, ASourceRouteDoesNotLeadAroundARule) {
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
  EXPECT_EQ(CheckOwn6(43, frames::Join({segment, frames::Udp(1, 53)})), Verdict::kHiddenHeader);
}

TEST_F(NetFilterEgressTest, WhatTheLinkNeedsLeavesWithoutARule) {
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

TEST_F(NetFilterEgressTest, WhatTheLinkNeedsIsNoWayOut) {
  Allow({"2001:db8:1::/48:tcp:443"});
  // Neighbour discovery to somewhere else, or that a router forwards.
  const Bytes solicitation = frames::Neighbour(kSolicitation, kPeer6);
  EXPECT_EQ(CheckNeighbour(kOwn6, kPeer6, solicitation), Verdict::kPass) << "a rule leads there";
  EXPECT_EQ(CheckNeighbour(kOwn6, "2001:db8:3::1", solicitation), Verdict::kEgress);
  EXPECT_EQ(CheckNeighbour(kOwn6, "ff0e::1", solicitation), Verdict::kEgress);
  EXPECT_EQ(CheckNeighbour(kOwn6, "ff02::1", solicitation, 64), Verdict::kEgress);
  EXPECT_EQ(CheckNeighbour(kOwn6, "ff02::1", frames::Icmp(kRouterAdvertisement)), Verdict::kEgress);
  EXPECT_EQ(CheckOwn4(kUdp, frames::Udp(68, 67)), Verdict::kEgress);
  EXPECT_EQ(Check4({.source = kOwn4,
                    .destination = "239.1.2.3",
                    .protocol = kIgmp,
                    .ttl = 64,
                    .payload = frames::Icmp(0x22)}),
            Verdict::kEgress);
}

TEST_F(NetFilterEgressTest, BothPoliciesAtOnce) {
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
