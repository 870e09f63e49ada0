#include "api/client/user_net_codec.h"

#include <capnp/message.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

using ::testing::HasSubstr;

TEST(UserNetCodecTest, ForwardsComeBackAsTheyWere) {
  capnp::MallocMessageBuilder message;
  auto net = message.initRoot<rpc::UserNet>();
  EncodeForwards({{.protocol = PasstForward::Protocol::kTcp, .host = 8080, .guest = 80},
                  {.protocol = PasstForward::Protocol::kUdp, .host = 53, .guest = 5353}},
                 net);
  const auto forwards = DecodeForwards("forwards", net.asReader());
  ASSERT_TRUE(forwards.ok()) << forwards.status();
  ASSERT_EQ(forwards->size(), 2U);
  EXPECT_EQ(forwards->at(0).protocol, PasstForward::Protocol::kTcp);
  EXPECT_EQ(forwards->at(0).host, 8080);
  EXPECT_EQ(forwards->at(0).guest, 80);
  EXPECT_EQ(forwards->at(1).protocol, PasstForward::Protocol::kUdp);
  EXPECT_EQ(forwards->at(1).host, 53);
  EXPECT_EQ(forwards->at(1).guest, 5353);
}

TEST(UserNetCodecTest, WithoutAPortOfItsOwnTheGuestHasTheHosts) {
  capnp::MallocMessageBuilder message;
  auto net = message.initRoot<rpc::UserNet>();
  net.initForwards(1)[0].setHost(22);
  const auto forwards = DecodeForwards("forwards", net.asReader());
  ASSERT_TRUE(forwards.ok()) << forwards.status();
  EXPECT_EQ(forwards->at(0).guest, 22);
}

TEST(UserNetCodecTest, MistakesAreNamed) {
  capnp::MallocMessageBuilder message;
  auto entries = message.initRoot<rpc::UserNet>().initForwards(2);
  entries[0].setHost(1);
  const auto net = message.getRoot<rpc::UserNet>().asReader();
  EXPECT_THAT(std::string(DecodeForwards("forwards", net).status().message()),
              HasSubstr("forwards[1].host"));
  entries[1].setHost(2);
  entries[1].setProtocol(rpc::IpProtocol::ICMP);
  EXPECT_THAT(std::string(DecodeForwards("forwards", net).status().message()),
              HasSubstr("forwards[1].protocol"));
}

TEST(UserNetCodecTest, AGiantListIsRefused) {
  capnp::MallocMessageBuilder message;
  auto net = message.initRoot<rpc::UserNet>();
  net.initForwards(100'000);
  EXPECT_THAT(std::string(DecodeForwards("forwards", net.asReader()).status().message()),
              HasSubstr("forwards: there are 100000"));
}

}  // namespace
}  // namespace mayfly::api
