#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/net/testing/net_fixture.h"

namespace mayfly::virtio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using NetControlTest = NetFixture;

TEST_F(NetControlTest, OffloadsFollowTheDriver) {
  Make();
  EXPECT_EQ(wire_->guest_offloads, kNetGuestOffloads);
  EXPECT_EQ(SetOffloads(kNetFeatureGuestChecksum), NetControlAck::kOk);
  EXPECT_EQ(wire_->guest_offloads, kNetFeatureGuestChecksum);
  OfferRoom(4000);
  wire_->Add(Frame(3000), {.gso_type = static_cast<uint8_t>(NetGso::kTcp4), .gso_size = 1000});
  wire_->Add(Frame(60));
  wire_->Poll();
  EXPECT_EQ(net_->counters().receive_unwanted, 1U);
  EXPECT_EQ(received(), 1);
  EXPECT_EQ(SetOffloads(kNetGuestOffloads), NetControlAck::kOk);
  EXPECT_EQ(SetOffloads(kNetFeatureGuestTso4), NetControlAck::kOk);  // needs checksums
  EXPECT_EQ(wire_->guest_offloads, 0U);
}

TEST_F(NetControlTest, OffloadsThatWereNotNegotiatedAreAnError) {
  Make(kAllFeatures & ~kNetFeatureGuestTso6);
  EXPECT_EQ(SetOffloads(kNetFeatureGuestChecksum | kNetFeatureGuestTso6), NetControlAck::kError);
  EXPECT_EQ(SetOffloads(kNetFeatureChecksum), NetControlAck::kError);
  EXPECT_EQ(wire_->guest_offloads, kNetGuestOffloads & ~kNetFeatureGuestTso6);
}

TEST_F(NetControlTest, CommandsThatAreNoneAreErrors) {
  Make();
  EXPECT_EQ(Command({}), NetControlAck::kError);
  EXPECT_EQ(Command({5}), NetControlAck::kError);
  EXPECT_EQ(Command({5, 0}), NetControlAck::kError);
  EXPECT_EQ(Command({5, 0, 0, 0, 0, 0, 0, 0, 0}), NetControlAck::kError);  // a byte missing
  EXPECT_EQ(Command({5, 1, 0, 0, 0, 0, 0, 0, 0, 0}), NetControlAck::kError);
  EXPECT_EQ(Command({0, 0, 1}), NetControlAck::kError);
  EXPECT_EQ(Command({1, 1, 2, 0, 0, 0, 0, 2}), NetControlAck::kError);  // the address stays
  EXPECT_EQ(Command({255, 255, 0, 0}), NetControlAck::kError);
  EXPECT_EQ(SetPairs(1), NetControlAck::kError);  // without multiqueue
  EXPECT_EQ(rings_[2].used_index(), 9);
  EXPECT_EQ(rings_[2].used(0).length, 1U);
  EXPECT_THAT(host_.failures, IsEmpty());
}

TEST_F(NetControlTest, CommandWithoutRoomForAnAnswerFailsTheDevice) {
  Make();
  rings_[2].Offer(0, {{kCommand, 10}});
  net_->OnKick(2);
  EXPECT_THAT(host_.failures, ElementsAre(HasSubstr("no room for its answer")));
}

TEST_F(NetControlTest, CommandsHaveTheirTurnOneByOne) {
  Make();
  ASSERT_TRUE(memory_.Write(kCommand, std::as_bytes(std::span("\x05\x00\0\0\0\0\0\0\0"))).ok());
  for (uint16_t i = 0; i < 3; ++i) rings_[2].Offer(2 * i, {{kCommand, 10}, {kAnswer, 1, true}});
  net_->OnKick(2);
  EXPECT_EQ(rings_[2].used_index(), 1);
  EXPECT_THAT(host_.kicked_again, ElementsAre(2));
  net_->OnKick(2);
  net_->OnKick(2);
  EXPECT_EQ(rings_[2].used_index(), 3);
  EXPECT_THAT(host_.kicked_again, ElementsAre(2, 2));
  net_->OnKick(2);
  EXPECT_THAT(host_.kicked_again, SizeIs(2));
}

TEST_F(NetControlTest, ControlQueueIsTheThirdWithoutMultiqueue) {
  wire_->max_queue_pairs = 4;
  Make();  // accepts all but multiqueue
  ASSERT_TRUE(memory_.Write(kCommand, std::as_bytes(std::span("\x05\x00\0\0\0\0\0\0\0"))).ok());
  rings_[2].Offer(0, {{kCommand, 10}, {kAnswer, 1, true}});
  net_->OnKick(2);
  EXPECT_EQ(rings_[2].used_index(), 1);
  EXPECT_EQ(wire_->guest_offloads, 0U);
}

class NetPairsTest : public NetFixture {
 protected:
  NetPairsTest() {
    wire_->max_queue_pairs = 4;
    Make(kAllFeatures | kNetFeatureMultiqueue);
  }
  void Add(uint16_t pair, size_t size) {
    wire_->to_receive.push_back({.pair = pair, .header = {}, .frame = Frame(size)});
  }
};

TEST_F(NetPairsTest, OnePairUntilToldOtherwise) {
  EXPECT_EQ(wire_->queue_pairs, 1);
  OfferToSend(Frame(60), {}, 2);
  net_->OnKick(NetSendQueue(2));
  EXPECT_THAT(wire_->sent, IsEmpty());
  EXPECT_EQ(SetPairs(4), NetControlAck::kOk);
  EXPECT_EQ(wire_->queue_pairs, 4);
  // Its kick was not heard.
  EXPECT_THAT(host_.kicked_again, ElementsAre(3, 5, 7));
  net_->OnKick(NetSendQueue(2));
  ASSERT_THAT(wire_->sent, SizeIs(1));
  EXPECT_EQ(wire_->sent[0].pair, 2);
}

TEST_F(NetPairsTest, EachPairReceivesItsOwn) {
  ASSERT_EQ(SetPairs(3), NetControlAck::kOk);
  OfferRoom(1000, 1);
  OfferRoom(1000, 2);
  OfferRoom(1000, 2);
  Add(2, 60);
  Add(1, 61);
  Add(1, 62);
  wire_->Poll();
  EXPECT_EQ(received(0), 0);
  EXPECT_EQ(received(1), 1);
  EXPECT_EQ(received(2), 1);
  EXPECT_TRUE(wire_->paused[1]);
  EXPECT_FALSE(wire_->paused[2]);
}

TEST_F(NetPairsTest, FewerPairsAreLeftAlone) {
  ASSERT_EQ(SetPairs(2), NetControlAck::kOk);
  OfferRoom(100, 1);
  Add(1, 500);  // waits for more room
  wire_->Poll();
  ASSERT_EQ(SetPairs(1), NetControlAck::kOk);
  OfferRoom(1000, 1);
  net_->OnKick(NetReceiveQueue(1));
  EXPECT_EQ(received(1), 0);
  ASSERT_EQ(SetPairs(2), NetControlAck::kOk);
  Add(1, 60);
  wire_->Poll();
  EXPECT_EQ(received(1), 1);
  EXPECT_EQ(rings_[2].used(0).length, kNetHeaderSize + 60U);
}

TEST_F(NetPairsTest, NumbersOfPairsHaveBounds) {
  EXPECT_EQ(SetPairs(0), NetControlAck::kError);
  EXPECT_EQ(SetPairs(5), NetControlAck::kError);
  EXPECT_EQ(SetPairs(0x8000), NetControlAck::kError);
  EXPECT_EQ(SetPairs(0xffff), NetControlAck::kError);
  EXPECT_EQ(wire_->queue_pairs, 1);
}

TEST_F(NetPairsTest, PairsWithoutQueuesAreAnError) {
  queues_[5].Deactivate();
  EXPECT_EQ(SetPairs(3), NetControlAck::kError);
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("has not set up queue 5")));
  EXPECT_EQ(SetPairs(2), NetControlAck::kOk);
}

TEST_F(NetPairsTest, HostThatRefusesIsAnError) {
  wire_->queue_pairs_status = absl::UnavailableError("no more queues");
  EXPECT_EQ(SetPairs(3), NetControlAck::kError);
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("no more queues")));
  EXPECT_THAT(host_.kinds, ElementsAre(DeviceEvent::kTrouble));
  Add(1, 60);
  wire_->Poll();
  EXPECT_THAT(wire_->to_receive, SizeIs(1));
  // What was done of it is undone.
  EXPECT_THAT(wire_->queue_pairs_wanted, ElementsAre(3, 1));
}

TEST_F(NetPairsTest, WhatIsNotWaitedForIsPaused) {
  wire_->events->OnReadable(2);  // not in use
  EXPECT_TRUE(wire_->paused[2]);
  Add(0, 60);
  wire_->Poll();  // no buffers
  wire_->paused[0] = false;
  wire_->events->OnReadable(0);
  EXPECT_TRUE(wire_->paused[0]);
  EXPECT_EQ(wire_->reads, 0U);
  ASSERT_EQ(SetPairs(3), NetControlAck::kOk);
  EXPECT_FALSE(wire_->paused[2]);
}

}  // namespace
}  // namespace mayfly::virtio
