#include "virtio/net/filter/net_filter.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gtest/gtest.h"
#include "virtio/net/testing/net_filter_fixture.h"

namespace mayfly::virtio {
namespace {

using NetFilterTest = NetFilterFixture;

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

}  // namespace
}  // namespace mayfly::virtio
