#include "virtio/net/net.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/net/testing/net_fixture.h"

namespace mayfly::virtio {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using NetTest = NetFixture;

TEST_F(NetTest, DescribesTheCard) {
  wire_->max_queue_pairs = 4;
  Make(kAllFeatures, WithMtu(9000));
  EXPECT_EQ(net_->type(), DeviceType::kNet);
  EXPECT_THAT(net_->queue_max_sizes(), SizeIs(9));
  const NetConfig config = Config();
  EXPECT_EQ(config.mac, kMac.bytes);
  EXPECT_EQ(config.status, kNetLinkUp);
  EXPECT_EQ(config.max_queue_pairs, 4);
  EXPECT_EQ(config.mtu, 9000);
}

TEST_F(NetTest, OffersWhatTheBackendCanDo) {
  Make();
  EXPECT_EQ(net_->features(), kAllFeatures & ~kRingFeatures);
  wire_->max_queue_pairs = 2;
  wire_->offload_features = 0;
  Make(kFeatureVersion1, WithMtu(1400));
  EXPECT_EQ(net_->features(), kNetFeatureMac | kNetFeatureStatus | kNetFeatureMergeableBuffers |
                                  kNetFeatureControlQueue | kNetFeatureMtu | kNetFeatureMultiqueue);
}

TEST_F(NetTest, OffersNothingWithoutWhatItNeeds) {
  wire_->offload_features =
      (kNetHostOffloads | kNetGuestOffloads) & ~(kNetFeatureChecksum | kNetFeatureGuestChecksum);
  Make(kFeatureVersion1);
  EXPECT_EQ(net_->features() & (kNetHostOffloads | kNetGuestOffloads), 0U);
}

TEST_F(NetTest, AcceptsWhatGoesTogether) {
  wire_->max_queue_pairs = 2;
  Make();
  EXPECT_TRUE(net_->Accepts(kFeatureVersion1));
  EXPECT_TRUE(net_->Accepts(kFeatureVersion1 | net_->features()));
  EXPECT_TRUE(net_->Accepts(kNetFeatureChecksum | kNetFeatureHostTso4 | kNetFeatureHostEcn));
  // 5.1.3.1.
  for (const uint64_t feature : {kNetFeatureHostTso4, kNetFeatureHostTso6, kNetFeatureHostUso}) {
    EXPECT_FALSE(net_->Accepts(feature | kNetFeatureGuestChecksum)) << feature;
  }
  for (const uint64_t feature :
       {kNetFeatureGuestTso4, kNetFeatureGuestTso6, kNetFeatureGuestUso4, kNetFeatureGuestUso6}) {
    EXPECT_FALSE(net_->Accepts(feature | kNetFeatureChecksum)) << feature;
  }
  EXPECT_FALSE(net_->Accepts(kNetFeatureHostEcn | kNetFeatureChecksum));
  EXPECT_FALSE(net_->Accepts(kNetFeatureGuestEcn | kNetFeatureGuestChecksum));
  EXPECT_FALSE(net_->Accepts(kNetFeatureMultiqueue));
}

TEST_F(NetTest, ConfigurationEndsWhereItEnds) {
  Make();
  std::array<std::byte, 4> out{};
  out.fill(kUntouched);
  net_->ReadConfig(kNetConfigSize - 2, out);
  EXPECT_THAT(out, ElementsAre(std::byte{0}, std::byte{0}, kUntouched, kUntouched));
  net_->ReadConfig(kNetConfigSize, out);
  net_->ReadConfig(~uint64_t{0}, out);
  EXPECT_EQ(out[2], kUntouched);
  net_->WriteConfig(0, out);
  EXPECT_EQ(Config().mac, kMac.bytes);
}

TEST_F(NetTest, RefusesCardsThatCannotBe) {
  const auto create = [&](Net::Options options) {
    return Net::Create(std::make_unique<FakeNet>(wire_), std::move(options), *io_).status();
  };
  EXPECT_THAT(std::string(create({}).message()), HasSubstr("00:00:00:00:00:00"));
  Net::Options options;
  options.filter.mac = {{0x01, 0, 0x5e, 0, 0, 1}};
  EXPECT_EQ(create(options).code(), absl::StatusCode::kInvalidArgument);
  options.filter.mac = kMac;
  options.mtu = kNetMinMtu - 1;
  EXPECT_THAT(std::string(create(options).message()), HasSubstr("MTU of 67"));
  options.mtu = kNetMinMtu;
  EXPECT_TRUE(create(options).ok());
  wire_->max_queue_pairs = Net::kMaxPairs + 1;
  EXPECT_THAT(std::string(create(options).message()), HasSubstr("65 queue pairs"));
}

TEST_F(NetTest, OneInterruptForABatch) {
  Make(kAllFeatures & ~kFeatureEventIndex);
  for (int i = 0; i < 5; ++i) OfferToSend(Frame(60));
  net_->OnKick(1);
  EXPECT_EQ(sent(), 5);
  EXPECT_EQ(host_.queue_interrupts, 1U);
  for (int i = 0; i < 5; ++i) OfferRoom(2000);
  for (int i = 0; i < 5; ++i) wire_->Add(Frame(60));
  wire_->Poll();
  EXPECT_EQ(received(), 5);
  EXPECT_EQ(host_.queue_interrupts, 2U);
}

TEST_F(NetTest, BrokenQueuesFailTheDevice) {
  Make();
  rings_[1].MakeAvailable(kRingSize);
  net_->OnKick(1);
  EXPECT_THAT(host_.failures, ElementsAre(HasSubstr("queue 1: descriptor 16")));
  EXPECT_EQ(wire_->events, nullptr);

  Make();
  rings_[0].MakeAvailable(kRingSize + 1);
  wire_->Add(Frame(60));
  wire_->Poll();
  EXPECT_THAT(host_.failures, Contains(HasSubstr("queue 0: descriptor 17")));

  Make();
  rings_[2].MakeAvailable(kRingSize + 2);
  net_->OnKick(2);
  EXPECT_THAT(host_.failures, Contains(HasSubstr("queue 2: descriptor 18")));
}

TEST_F(NetTest, BackendThatDoesNotStartIsALostLink) {
  wire_->start_status = absl::InternalError("the host refused");
  Make();
  EXPECT_EQ(Config().status, 0);
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("the host refused")));
  Send(Frame(60));
  OfferRoom(1000);
  net_->OnKick(0);
  EXPECT_EQ(SetOffloads(0), NetControlAck::kError);
  wire_->start_status = absl::OkStatus();
  Make();
  EXPECT_EQ(Config().status, kNetLinkUp);
}

TEST_F(NetTest, ResetForgetsAll) {
  Make(kAllFeatures, WithTransmitRate(1));
  Send(Frame(60));
  Send(Frame(61));  // waits for the gate
  OfferRoom(100);
  wire_->Add(Frame(500));  // waits for room
  wire_->Poll();
  net_->Reset();
  EXPECT_EQ(wire_->events, nullptr);
  net_->UpdateLimits(RateLimits(), RateLimits());
  EXPECT_EQ(sent(), 1);
  EXPECT_EQ(received(), 0);
  // And begins anew.
  for (size_t i = 0; i < queues_.size(); ++i) {
    rings_[i].Clear();
    ASSERT_TRUE(
        queues_[i].Activate(memory_, rings_[i].layout(), Net::kQueueSize, kAllFeatures).ok());
  }
  net_->Activate(kAllFeatures, queues_, host_);
  const uint64_t room = room_end_;
  OfferRoom(1000);
  wire_->Add(Frame(60));
  wire_->Poll();
  EXPECT_EQ(received(), 1);
  EXPECT_EQ(BytesAt(room + kNetHeaderSize, 60), Frame(60));
}

TEST_F(NetTest, ShutdownClosesTheBackend) {
  Make();
  net_->Reset();
  EXPECT_FALSE(wire_->closed);
  net_->Shutdown();
  EXPECT_TRUE(wire_->closed);
}

}  // namespace
}  // namespace mayfly::virtio
