#include "api/codec/net_codec.h"

#include <capnp/message.h>
#include <kj/async-io.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "api/codec/fd_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::HasSubstr;
using virtio::EgressRule;
using virtio::IpNetwork;
using virtio::MacAddress;

OwnedFd MakeFile() { return OwnedFd(::memfd_create("net_codec_test", MFD_CLOEXEC)); }

ino_t Inode(const OwnedFd& fd) {
  struct stat info {};
  EXPECT_EQ(::fstat(fd.get(), &info), 0);
  return info.st_ino;
}

template <size_t N>
kj::ArrayPtr<const kj::byte> Bytes(const std::array<kj::byte, N>& bytes) {
  return kj::arrayPtr(bytes.data(), bytes.size());
}

constexpr std::array<kj::byte, 4> kNetwork10 = {10, 0, 0, 0};
constexpr uint8_t kPrefix8 = 8;

class NetCodecTest : public ::testing::Test {
 protected:
  NetCodecTest() : builder_(message_.initRoot<rpc::Net>()) {}
  // KJ's destructors may throw, GoogleTest's may not.
  ~NetCodecTest() noexcept override = default;

  absl::Status Decode() {
    net_ = {};
    FileArrivals arrivals;
    absl::Status status = DecodeNet("nets[1]", builder_.asReader(), net_, arrivals);
    if (!status.ok()) return status;
    return arrivals.Receive().wait(io_.waitScope);
  }
  std::string Error() {
    const absl::Status status = Decode();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }
  rpc::EgressRule::Builder OneRule() {
    auto rule = builder_.initFilter().initEgress(1)[0];
    auto destination = rule.initDestination();
    destination.setAddress(Bytes(kNetwork10));
    destination.setPrefixLength(kPrefix8);
    return rule;
  }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  capnp::MallocMessageBuilder message_;
  rpc::Net::Builder builder_;
  vmm::NetConfig net_;
};

TEST_F(NetCodecTest, ComesBackAsItWent) {
  vmm::NetConfig net;
  net.name = "tap tap7";
  std::vector<OwnedFd>& queues = net.backend.emplace<vmm::TapNet>().queues;
  queues.push_back(MakeFile());
  queues.push_back(MakeFile());
  const ino_t second = Inode(queues[1]);
  net.mac = MacAddress::Parse("02:00:00:00:00:2a").value();
  net.mtu = 9000;
  net.queue_pairs = 2;
  net.addresses = {IpNetwork::Parse("192.0.2.7").value(),
                   IpNetwork::Parse("2001:db8::/64").value()};
  net.egress = {EgressRule::Parse("10.0.0.0/8:tcp:443").value(),
                EgressRule::Parse("2001:db8::/32:udp:1000-2000").value(),
                EgressRule::Parse("0.0.0.0/0:icmp").value(), EgressRule::Parse("::/0").value()};
  net.transmit = {.operations = {.per_second = 1, .burst = 2}, .bytes = {}};
  net.receive = {.operations = {}, .bytes = {.per_second = 3, .burst = 4}};
  const auto addresses = net.addresses;
  const auto egress = net.egress;
  EncodeNet(std::move(net), builder_);
  ASSERT_EQ(Decode(), absl::OkStatus());
  EXPECT_EQ(net_.name, "tap tap7");
  const auto* const tap = std::get_if<vmm::TapNet>(&net_.backend);
  ASSERT_NE(tap, nullptr);
  ASSERT_EQ(tap->queues.size(), 2U);
  EXPECT_EQ(Inode(tap->queues[1]), second);
  ASSERT_TRUE(net_.mac.has_value());
  EXPECT_EQ(net_.mac->ToString(), "02:00:00:00:00:2a");
  EXPECT_EQ(net_.mtu, 9000);
  EXPECT_EQ(net_.queue_pairs, 2);
  EXPECT_EQ(net_.addresses, addresses);
  EXPECT_EQ(net_.egress, egress);
  EXPECT_EQ(net_.transmit.operations.burst, 2U);
  EXPECT_EQ(net_.receive.bytes.per_second, 3U);
}

TEST_F(NetCodecTest, DefaultsAreACableThatEndsNowhere) {
  EncodeNet(vmm::NetConfig(), builder_);
  EXPECT_FALSE(builder_.hasFilter());
  ASSERT_EQ(Decode(), absl::OkStatus());
  EXPECT_TRUE(std::holds_alternative<vmm::NoNet>(net_.backend));
  EXPECT_FALSE(net_.mac.has_value());
  EXPECT_EQ(net_.queue_pairs, 1);
  EXPECT_FALSE(net_.egress.has_value());
}

TEST_F(NetCodecTest, PasstIsASocket) {
  vmm::NetConfig net;
  net.backend.emplace<vmm::PasstNet>().socket = MakeFile();
  const ino_t socket = Inode(std::get<vmm::PasstNet>(net.backend).socket);
  EncodeNet(std::move(net), builder_);
  ASSERT_EQ(Decode(), absl::OkStatus());
  ASSERT_TRUE(std::holds_alternative<vmm::PasstNet>(net_.backend));
  EXPECT_EQ(Inode(std::get<vmm::PasstNet>(net_.backend).socket), socket);
}

TEST_F(NetCodecTest, WhatAHostOpensIsNotForAVmm) {
  builder_.getBackend().setTapNamed("tap0");
  EXPECT_THAT(Error(), HasSubstr("nets[1].backend: a VMM opens nothing itself"));
  builder_.getBackend().initUser();
  EXPECT_THAT(Error(), HasSubstr("nets[1].backend: a VMM opens nothing itself"));
}

TEST_F(NetCodecTest, NoEgressIsNotTheSameAsAllOfIt) {
  vmm::NetConfig net;
  net.egress.emplace();
  EncodeNet(std::move(net), builder_);
  ASSERT_EQ(Decode(), absl::OkStatus());
  ASSERT_TRUE(net_.egress.has_value());
  EXPECT_TRUE(net_.egress->empty());
}

TEST_F(NetCodecTest, WhatIsWrongWithTheDeviceIsNamed) {
  builder_.setQueuePairs(0);
  EXPECT_THAT(Error(), HasSubstr("nets[1].queuePairs"));
  builder_.setMtu(67);
  EXPECT_THAT(Error(), HasSubstr("nets[1].mtu"));
  builder_.setMac(Bytes(std::array<kj::byte, 6>{0x01, 0, 0, 0, 0, 1}));
  EXPECT_THAT(Error(), HasSubstr("nets[1].mac"));
  builder_.setMac(Bytes(std::array<kj::byte, 6>{}));
  EXPECT_THAT(Error(), HasSubstr("nets[1].mac"));
  builder_.setMac(Bytes(kNetwork10));
  EXPECT_THAT(Error(), HasSubstr("nets[1].mac: it has 4 bytes"));
  builder_.getBackend().initTap(0);
  EXPECT_THAT(Error(), HasSubstr("nets[1].backend.tap: no file"));
  builder_.getBackend().initTap(1000);
  EXPECT_THAT(Error(), HasSubstr("nets[1].backend.tap: 1000"));
}

TEST_F(NetCodecTest, CapabilitiesThatAreNoneAreNamed) {
  builder_.getBackend().initTap(2).set(0, kj::heap<FdFile>(MakeFile()));
  EXPECT_THAT(Error(), HasSubstr("nets[1].backend.tap[1]"));
}

TEST_F(NetCodecTest, WhatIsWrongWithTheFilterIsNamed) {
  auto address = builder_.initFilter().initAddresses(1)[0];
  address.setAddress(Bytes(std::array<kj::byte, 5>{}));
  EXPECT_THAT(Error(), HasSubstr("nets[1].filter.addresses[0].address: it has 5 bytes"));
  address.setAddress(Bytes(kNetwork10));
  address.setPrefixLength(33);
  EXPECT_THAT(Error(), HasSubstr("nets[1].filter.addresses[0]"));
  address.setPrefixLength(4);
  EXPECT_THAT(Error(), HasSubstr("nets[1].filter.addresses[0]"));

  OneRule().setProtocol(static_cast<rpc::IpProtocol>(77));
  EXPECT_THAT(Error(), HasSubstr("nets[1].filter.egress[0].protocol"));
  auto icmp = OneRule();
  icmp.setProtocol(rpc::IpProtocol::ICMP);
  icmp.setFirstPort(8);
  EXPECT_THAT(Error(), HasSubstr("nets[1].filter.egress[0].firstPort"));
  auto tcp = OneRule();
  tcp.setProtocol(rpc::IpProtocol::TCP);
  tcp.setFirstPort(9);
  tcp.setLastPort(8);
  EXPECT_THAT(Error(), HasSubstr("nets[1].filter.egress[0].lastPort"));
  builder_.initFilter().initEgress(100'000);
  EXPECT_THAT(Error(), HasSubstr("nets[1].filter: it has more than"));
}

}  // namespace
}  // namespace mayfly::api
