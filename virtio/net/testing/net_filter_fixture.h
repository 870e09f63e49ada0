#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string_view>

#include "gtest/gtest.h"
#include "virtio/net/filter/net_filter.h"
#include "virtio/net/testing/frames.h"
#include "virtio/protocol/net_protocol.h"

namespace mayfly::virtio {

// For GoogleTest's messages.
inline void PrintTo(NetFilterVerdict verdict, std::ostream* out) { *out << Describe(verdict); }

inline constexpr MacAddress kMac{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}};
inline constexpr MacAddress kOther{{0x02, 0x00, 0x5e, 0x10, 0x00, 0x02}};
inline constexpr std::string_view kOwnLinkLocal = "fe80::5eff:fe10:1";  // modified EUI-64 of kMac
inline constexpr std::string_view kOwn4 = "192.0.2.5";
inline constexpr std::string_view kOwn6 = "2001:db8::5";
inline constexpr std::string_view kPeer4 = "198.51.100.7";
inline constexpr std::string_view kPeer6 = "2001:db8:1::7";

// Protocols and message types.
inline constexpr uint8_t kIcmp = 1;
inline constexpr uint8_t kIgmp = 2;
inline constexpr uint8_t kTcp = 6;
inline constexpr uint8_t kUdp = 17;
inline constexpr uint8_t kIcmp6 = 58;
inline constexpr uint8_t kDestinationOptions = 60;
inline constexpr uint8_t kEchoRequest6 = 128;
inline constexpr uint8_t kRouterSolicitation = 133;
inline constexpr uint8_t kRouterAdvertisement = 134;
inline constexpr uint8_t kSolicitation = 135;
inline constexpr uint8_t kAdvertisement = 136;

// A filter, and what a guest of one address of each family could send.
class NetFilterFixture : public testing::Test {
 protected:
  using Bytes = frames::Bytes;
  using Verdict = NetFilter::Verdict;

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
  // From the guest's own address to a peer.
  [[nodiscard]] Verdict CheckOwn4(uint8_t protocol, const Bytes& payload) const {
    return Check4(
        {.source = kOwn4, .destination = kPeer4, .protocol = protocol, .payload = payload});
  }
  [[nodiscard]] Verdict CheckOwn6(uint8_t next, const Bytes& payload) const {
    return Check6({.source = kOwn6, .destination = kPeer6, .next = next, .payload = payload});
  }
  [[nodiscard]] Verdict CheckNeighbour(std::string_view source, std::string_view destination,
                                       const Bytes& message, uint8_t hop_limit = 255) const {
    return Check6({.source = source,
                   .destination = destination,
                   .next = kIcmp6,
                   .hop_limit = hop_limit,
                   .payload = message});
  }

  // That `good` passes, and whatever is cut off behind its Ethernet header is missed.
  void ExpectMalformedCutAnywhere(const Bytes& good) const {
    EXPECT_EQ(Check(good), Verdict::kPass);
    for (size_t size = kEthernetHeaderSize; size < good.size(); ++size) {
      EXPECT_EQ(Check({good.begin(), good.begin() + static_cast<ptrdiff_t>(size)}),
                Verdict::kMalformed)
          << size;
    }
  }
  // A byte behind the Ethernet header, and what it makes wrong.
  struct Change {
    size_t offset = 0;
    uint8_t value = 0;
    std::string_view why;
  };
  void ExpectMalformed(const Bytes& good, std::initializer_list<Change> changes) const {
    for (const Change& change : changes) {
      Bytes bad = good;
      bad[kEthernetHeaderSize + change.offset] = std::byte{change.value};
      EXPECT_EQ(Check(bad), Verdict::kMalformed) << change.why;
    }
  }

  NetFilterConfig config_;
};

}  // namespace mayfly::virtio
