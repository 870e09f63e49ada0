#include "api/cli/net_option.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

using api::PasstForward;
using Backend = NetOption::Backend;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ErrorOf(std::string_view text) {
  const auto net = ParseNetOption(text);
  EXPECT_EQ(net.status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(net.status().message()), StartsWith("--net: ")) << text;
  return std::string(net.status().message());
}

TEST(NetOption, NoneAloneIsAPlainDevice) {
  const NetOption net = ParseNetOption("none").value();
  EXPECT_EQ(net.backend, Backend::kNone);
  EXPECT_EQ(net.mac, std::nullopt);
  EXPECT_EQ(net.mtu, 0);
  EXPECT_EQ(net.queue_pairs, 1);
  EXPECT_TRUE(net.addresses.empty());
  EXPECT_EQ(net.egress, std::nullopt);
}

TEST(NetOption, UnderstandsATap) {
  const NetOption net =
      ParseNetOption(
          "tap=tap0,mac=02:00:00:00:00:2A,mtu=9000,queues=4,address=192.0.2.7,"
          "address=2001:db8::/64,allow=10.0.0.0/8:tcp:443,allow=::/0:udp:53,tx-pps=10,"
          "tx-bps=1M:2M,rx-pps=30:40,rx-bps=5k")
          .value();
  EXPECT_EQ(net.backend, Backend::kTap);
  EXPECT_EQ(net.tap, "tap0");
  ASSERT_TRUE(net.mac.has_value());
  EXPECT_EQ(net.mac->ToString(), "02:00:00:00:00:2a");
  EXPECT_EQ(net.mtu, 9000);
  EXPECT_EQ(net.queue_pairs, 4);
  ASSERT_EQ(net.addresses.size(), 2U);
  EXPECT_EQ(net.addresses[0].ToString(), "192.0.2.7/32");
  EXPECT_EQ(net.addresses[1].ToString(), "2001:db8::/64");
  ASSERT_TRUE(net.egress.has_value());
  ASSERT_EQ(net.egress->size(), 2U);
  EXPECT_EQ((*net.egress)[0], virtio::EgressRule::Parse("10.0.0.0/8:tcp:443").value());
  EXPECT_EQ((*net.egress)[1], virtio::EgressRule::Parse("::/0:udp:53").value());
  EXPECT_EQ(net.transmit.operations.per_second, 10U);
  EXPECT_EQ(net.transmit.bytes.burst, uint64_t{2} << 20);
  EXPECT_EQ(net.receive.operations.burst, 40U);
  EXPECT_EQ(net.receive.bytes.per_second, uint64_t{5} << 10);
}

TEST(NetOption, UnderstandsDescriptors) {
  const NetOption net = ParseNetOption("fd=3,fd=7").value();
  EXPECT_EQ(net.backend, Backend::kFd);
  EXPECT_THAT(net.fds, ElementsAre(3, 7));
  EXPECT_EQ(net.queue_pairs, 2);
}

TEST(NetOption, UnderstandsForwards) {
  const NetOption net =
      ParseNetOption("user,forward=8080:80,forward=udp:53,forward=tcp:1:65535").value();
  EXPECT_EQ(net.backend, Backend::kUser);
  EXPECT_THAT(
      net.forwards,
      ElementsAre(
          PasstForward{.protocol = PasstForward::Protocol::kTcp, .host = 8080, .guest = 80},
          PasstForward{.protocol = PasstForward::Protocol::kUdp, .host = 53, .guest = 53},
          PasstForward{.protocol = PasstForward::Protocol::kTcp, .host = 1, .guest = 65535}));
}

TEST(NetOption, AllowNoneAllowsNothing) {
  const NetOption net = ParseNetOption("none,allow=none").value();
  ASSERT_TRUE(net.egress.has_value());
  EXPECT_TRUE(net.egress->empty());
}

TEST(NetOption, ErrorsNameTheWord) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("no way to the network"));
  EXPECT_THAT(ErrorOf("bridge"), HasSubstr("\"bridge\" is no way"));
  EXPECT_THAT(ErrorOf("tap"), HasSubstr("tap=NAME"));
  EXPECT_THAT(ErrorOf("tap="), HasSubstr("tap=NAME"));
  EXPECT_THAT(ErrorOf("fd=x"), HasSubstr("fd: \"x\""));
  EXPECT_THAT(ErrorOf("fd=-1"), HasSubstr("fd"));
  EXPECT_THAT(ErrorOf("none,"), HasSubstr("\"\" is none"));
  EXPECT_THAT(ErrorOf("none,wings"), HasSubstr("\"wings\" is none"));
  EXPECT_THAT(ErrorOf("none,mac"), HasSubstr("mac: a value is missing"));
  EXPECT_THAT(ErrorOf("none,mac=02:00"), HasSubstr("mac: \"02:00\""));
  EXPECT_THAT(ErrorOf("none,mac=01:00:00:00:00:01"), HasSubstr("mac: 01:00"));
  EXPECT_THAT(ErrorOf("none,mac=00:00:00:00:00:00"), HasSubstr("mac: 00:00"));
  EXPECT_THAT(ErrorOf("none,mtu=67"), HasSubstr("mtu: \"67\""));
  EXPECT_THAT(ErrorOf("none,mtu=65536"), HasSubstr("mtu"));
  EXPECT_THAT(ErrorOf("tap=t,queues=0"), HasSubstr("queues"));
  EXPECT_THAT(ErrorOf("user,queues=2"), HasSubstr("queues: only a tap"));
  EXPECT_THAT(ErrorOf("fd=3,queues=2"), HasSubstr("queues: give an fd"));
  EXPECT_THAT(ErrorOf("tap=t,fd=3"), HasSubstr("fd: further ones"));
  EXPECT_THAT(ErrorOf("tap=t,forward=80"), HasSubstr("forward: only \"user\""));
  EXPECT_THAT(ErrorOf("user,forward=0"), HasSubstr("forward"));
  EXPECT_THAT(ErrorOf("user,forward=80:"), HasSubstr("forward"));
  EXPECT_THAT(ErrorOf("user,forward=icmp:80"), HasSubstr("forward"));
  EXPECT_THAT(ErrorOf("none,address=10.0.0.300"), HasSubstr("address: \"10.0.0.300\""));
  EXPECT_THAT(ErrorOf("none,allow=10.0.0.0/8:sctp"), HasSubstr("allow"));
  EXPECT_THAT(ErrorOf("none,tx-pps=0"), HasSubstr("tx-pps"));
  EXPECT_THAT(ErrorOf("none,rx-bps=fast"), HasSubstr("rx-bps: \"fast\""));
}

}  // namespace
}  // namespace mayfly::cli
