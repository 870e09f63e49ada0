#include "virtio/net/ip_network.h"

#include <string>

#include "gtest/gtest.h"

namespace mayfly::virtio {
namespace {

[[nodiscard]] IpAddress Address(std::string_view text) {
  const auto address = IpAddress::Parse(text);
  EXPECT_TRUE(address.ok()) << address.status();
  return address.value_or(IpAddress());
}

[[nodiscard]] std::string Error(std::string_view text) {
  const auto network = IpNetwork::Parse(text);
  EXPECT_FALSE(network.ok()) << text;
  return std::string(network.status().message());
}

TEST(IpAddress, ReadsAndWritesBothFamilies) {
  EXPECT_EQ(Address("192.0.2.1").ToString(), "192.0.2.1");
  EXPECT_EQ(Address("192.0.2.1").family(), IpFamily::kV4);
  EXPECT_EQ(Address("192.0.2.1").bits(), 32U);
  EXPECT_EQ(Address("2001:DB8:0:0::1").ToString(), "2001:db8::1");
  EXPECT_EQ(Address("2001:db8::1").family(), IpFamily::kV6);
  EXPECT_EQ(Address("2001:db8::1").bits(), 128U);
}

TEST(IpAddress, RefusesOtherText) {
  for (const std::string_view text : {"", "192.0.2", "192.0.2.256", "192.0.2.1 ", "010.0.0.1",
                                      "host", "2001:db8::1%eth0", ":", "1::2::3"}) {
    EXPECT_FALSE(IpAddress::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(IpAddress::Parse(std::string_view("192.0.2.1\0", 10)).ok());
}

TEST(IpAddress, FamiliesAreNeverEqual) {
  EXPECT_NE(Address("0.0.0.0"), Address("::"));
  EXPECT_NE(Address("192.0.2.1"), Address("::ffff:192.0.2.1"));
}

TEST(IpAddress, Kinds) {
  EXPECT_TRUE(Address("0.0.0.0").IsUnspecified());
  EXPECT_TRUE(Address("::").IsUnspecified());
  EXPECT_FALSE(Address("::1").IsUnspecified());
  EXPECT_TRUE(Address("224.0.0.1").IsMulticast());
  EXPECT_TRUE(Address("239.255.255.255").IsMulticast());
  EXPECT_FALSE(Address("240.0.0.1").IsMulticast());
  EXPECT_TRUE(Address("ff02::1").IsMulticast());
  EXPECT_FALSE(Address("fe80::1").IsMulticast());
}

TEST(IpNetwork, ReadsAndWrites) {
  EXPECT_EQ(IpNetwork::Parse("192.0.2.0/24")->ToString(), "192.0.2.0/24");
  EXPECT_EQ(IpNetwork::Parse("192.0.2.1")->ToString(), "192.0.2.1/32");
  EXPECT_EQ(IpNetwork::Parse("2001:db8::/32")->ToString(), "2001:db8::/32");
  EXPECT_EQ(IpNetwork::Parse("::1")->ToString(), "::1/128");
  EXPECT_EQ(IpNetwork::Parse("0.0.0.0/0")->prefix_length(), 0U);
}

TEST(IpNetwork, RefusesOtherText) {
  for (const std::string_view text : {"192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/+4", "192.0.2.0/ 24",
                                      "192.0.2.0/24/8", "/24", "192.0.2.0/4294967320"}) {
    EXPECT_FALSE(IpNetwork::Parse(text).ok()) << text;
  }
  EXPECT_NE(Error("192.0.2.0/33").find("more than 32"), std::string::npos);
  EXPECT_NE(Error("2001:db8::/129").find("more than 128"), std::string::npos);
}

TEST(IpNetwork, SaysWhatAnAddressWithHostBitsCouldMean) {
  const std::string error = Error("192.0.2.5/24");
  EXPECT_NE(error.find("192.0.2.5/32"), std::string::npos) << error;
  EXPECT_NE(error.find("192.0.2.0/24"), std::string::npos) << error;
}

TEST(IpNetwork, ContainsWhatBeginsAlike) {
  const auto contains = [](std::string_view network, std::string_view address) {
    return IpNetwork::Parse(network)->Contains(Address(address));
  };
  EXPECT_TRUE(contains("192.0.2.64/27", "192.0.2.95"));
  EXPECT_FALSE(contains("192.0.2.64/27", "192.0.2.96"));
  EXPECT_FALSE(contains("192.0.2.64/27", "192.0.2.63"));
  EXPECT_TRUE(contains("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(contains("192.0.2.1", "192.0.2.0"));
  EXPECT_TRUE(contains("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
  EXPECT_FALSE(contains("::/0", "192.0.2.1"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(contains("2001:db8::1", "2001:db8::1"));
  EXPECT_FALSE(contains("2001:db8::1", "2001:db8::2"));
}

}  // namespace
}  // namespace mayfly::virtio
