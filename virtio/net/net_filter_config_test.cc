#include "virtio/net/net_filter_config.h"

#include <string>

#include "gtest/gtest.h"

namespace mayfly::virtio {
namespace {

[[nodiscard]] std::string Error(std::string_view text) {
  const auto rule = EgressRule::Parse(text);
  EXPECT_FALSE(rule.ok()) << text;
  return std::string(rule.status().message());
}

TEST(EgressRule, WritesWhatItReads) {
  for (const std::string_view text :
       {"192.0.2.0/24:any", "192.0.2.1/32:tcp:443", "192.0.2.1/32:udp:5000-5999",
        "2001:db8::/32:icmp", "2001:db8::1/128:tcp:22", "::/0:udp", "0.0.0.0/0:tcp:0",
        "0.0.0.0/0:tcp:1-65535"}) {
    const auto rule = EgressRule::Parse(text);
    ASSERT_TRUE(rule.ok()) << rule.status();
    EXPECT_EQ(rule->ToString(), text);
  }
}

TEST(EgressRule, PartsCanBeLeftOut) {
  EXPECT_EQ(EgressRule::Parse("192.0.2.1")->ToString(), "192.0.2.1/32:any");
  EXPECT_EQ(EgressRule::Parse("2001:db8::1")->ToString(), "2001:db8::1/128:any");
  EXPECT_EQ(EgressRule::Parse("2001:db8::1:tcp:80")->ToString(), "2001:db8::1/128:tcp:80");
  EXPECT_TRUE(EgressRule::Parse("192.0.2.1:tcp")->ports.IsAll());
  EXPECT_EQ(EgressRule::Parse("192.0.2.1:tcp:0-65535")->ToString(), "192.0.2.1/32:tcp");
}

TEST(EgressRule, SaysWhichPartIsWrong) {
  EXPECT_NE(Error("tcp:80").find("\"tcp:80\""), std::string::npos);
  EXPECT_NE(Error("192.0.2.5/24:tcp").find("bits set"), std::string::npos);
  EXPECT_NE(Error("192.0.2.1:icmp:8").find("ports are for"), std::string::npos);
  EXPECT_NE(Error("192.0.2.1:any:80").find("ports are for"), std::string::npos);
  for (const std::string_view text :
       {"192.0.2.1:tcp:", "192.0.2.1:tcp:65536", "192.0.2.1:tcp:-1", "192.0.2.1:tcp:9-8",
        "192.0.2.1:tcp:80-", "192.0.2.1:tcp:80,443", "192.0.2.1:tcp:80:90"}) {
    EXPECT_NE(Error(text).find("the ports are"), std::string::npos) << text;
  }
  for (const std::string_view text : {"", ":tcp:80", "192.0.2.1:sctp", "192.0.2.1:80"}) {
    EXPECT_NE(Error(text).find("neither an IPv4"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace mayfly::virtio
