#include <cerrno>
#include <cstdint>
#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/net/testing/net_fixture.h"

namespace mayfly::virtio {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using NetReceiveTest = NetFixture;

TEST_F(NetReceiveTest, ReceivesAFrame) {
  Make();
  OfferRoom(2000);
  const auto frame = Frame(70);
  wire_->Add(frame, {.flags = kNetDataValid});
  wire_->Poll();
  ASSERT_EQ(received(), 1);
  EXPECT_EQ(ReceivedLength(0), kNetHeaderSize + 70);
  EXPECT_EQ(HeaderAt(kRoom), (NetHeader{.flags = kNetDataValid, .num_buffers = 1}));
  EXPECT_EQ(BytesAt(kRoom + kNetHeaderSize, 70), frame);
  EXPECT_EQ(BytesAt(kRoom + kNetHeaderSize + 70, 1)[0], kUntouched);
  EXPECT_EQ(net_->counters().received, 1U);
  EXPECT_EQ(net_->counters().received_bytes, 70U);
}

TEST_F(NetReceiveTest, HeaderMayLieInPieces) {
  Make();
  rings_[0].Offer(0, {{kRoom, 5, true}, {kRoom + 100, 20, true}, {kRoom + 200, 500, true}});
  const auto frame = Frame(70);
  wire_->Add(frame);
  wire_->Poll();
  ASSERT_EQ(received(), 1);
  EXPECT_EQ(BytesAt(kRoom + 100 + 7, 13), std::vector(frame.begin(), frame.begin() + 13));
  EXPECT_EQ(BytesAt(kRoom + 200, 57), std::vector(frame.begin() + 13, frame.end()));
  EXPECT_EQ(memory_.Load<uint16_t>(kRoom + 100 + 5).value(), 1);  // num_buffers
}

TEST_F(NetReceiveTest, MergesBuffers) {
  Make();
  for (int i = 0; i < 4; ++i) OfferRoom(1000);
  const auto frame = Frame(2500);
  wire_->Add(frame);
  wire_->Poll();
  ASSERT_EQ(received(), 3);
  EXPECT_EQ(HeaderAt(kRoom).num_buffers, 3);
  EXPECT_EQ(ReceivedLength(0), 1000U);
  EXPECT_EQ(ReceivedLength(1), 1000U);
  EXPECT_EQ(ReceivedLength(2), 512U);
  EXPECT_EQ(BytesAt(kRoom + kNetHeaderSize, frame.size()), frame);
  // The next packet begins in the next buffer.
  wire_->Add(Frame(60));
  wire_->Poll();
  EXPECT_EQ(HeaderAt(kRoom + 3000).num_buffers, 1);
}

TEST_F(NetReceiveTest, FillsBuffersToTheLastByte) {
  Make();
  OfferRoom(1000);
  OfferRoom(1000);
  wire_->Add(Frame(1000 - kNetHeaderSize));
  wire_->Poll();
  EXPECT_EQ(received(), 1);
  wire_->Add(Frame(1001 - kNetHeaderSize));
  wire_->Poll();
  EXPECT_EQ(received(), 1);  // waits for one more
  OfferRoom(1000);
  net_->OnKick(0);
  EXPECT_EQ(received(), 3);
  EXPECT_EQ(ReceivedLength(2), 1U);
}

// Small packets do not pay for room that only large ones need.
TEST_F(NetReceiveTest, RoomFollowsWhatComes) {
  Make();
  for (int i = 0; i < 16; ++i) OfferRoom(4096);
  wire_->Add(Frame(60));
  wire_->Poll();
  EXPECT_EQ(wire_->most_pieces, 3U);  // header, a buffer, what is behind it
  const auto frame = Frame(20000);
  wire_->Add(frame);
  wire_->Add(frame);
  wire_->Poll();
  EXPECT_EQ(received(), 11);
  EXPECT_EQ(BytesAt(kRoom + 4096 + kNetHeaderSize, frame.size()), frame);
  EXPECT_EQ(BytesAt(kRoom + size_t{6} * 4096 + kNetHeaderSize, frame.size()), frame);
  EXPECT_EQ(wire_->most_pieces, 2U + 10);
}

TEST_F(NetReceiveTest, LosesNothingForLackOfBuffers) {
  Make();
  OfferRoom(1000);
  const auto frame = Frame(4000);
  wire_->Add(frame);
  wire_->Add(Frame(60));
  wire_->Poll();
  EXPECT_EQ(received(), 0);
  EXPECT_TRUE(wire_->paused[0]);
  OfferRoom(1000);
  OfferRoom(1000);
  net_->OnKick(0);
  EXPECT_EQ(received(), 0);
  OfferRoom(2000);
  OfferRoom(100);
  OfferRoom(100);
  net_->OnKick(0);
  ASSERT_EQ(received(), 5);
  EXPECT_EQ(BytesAt(kRoom + kNetHeaderSize, frame.size()), frame);
  EXPECT_EQ(HeaderAt(kRoom).num_buffers, 4);
  EXPECT_FALSE(wire_->paused[0]);
}

TEST_F(NetReceiveTest, DropsWhatAWholeRingCannotHold) {
  Make();
  for (uint16_t i = 0; i < kRingSize; ++i) OfferRoom(100);
  wire_->Add(Frame(size_t{kRingSize} * 100));
  const auto frame = Frame(60);
  wire_->Add(frame);
  wire_->Poll();
  EXPECT_EQ(received(), 1);
  EXPECT_EQ(BytesAt(kRoom + kNetHeaderSize, 60), frame);
  EXPECT_EQ(net_->counters().receive_too_long, 1U);
}

TEST_F(NetReceiveTest, WithoutMergingAPacketTakesOneBuffer) {
  Make(kAllFeatures & ~kNetFeatureMergeableBuffers);
  OfferRoom(1000);
  OfferRoom(1000);
  wire_->Add(Frame(1000));
  wire_->Add(Frame(1000 - kNetHeaderSize));
  wire_->Poll();
  EXPECT_EQ(received(), 1);
  EXPECT_EQ(ReceivedLength(0), 1000U);
  EXPECT_EQ(HeaderAt(kRoom).num_buffers, 1);
  EXPECT_EQ(net_->counters().receive_too_long, 1U);
}

TEST_F(NetReceiveTest, DoesNotSpinWithoutBuffers) {
  Make();
  wire_->Add(Frame(60));
  wire_->Poll();  // would not end
  EXPECT_TRUE(wire_->paused[0]);
  EXPECT_EQ(wire_->reads, 0U);
  EXPECT_EQ(net_->counters().receive_exhausted, 1U);
  OfferRoom(1000);
  OfferRoom(1000);
  net_->OnKick(0);
  EXPECT_EQ(received(), 1);
  EXPECT_FALSE(wire_->paused[0]);
}

TEST_F(NetReceiveTest, KickWithoutNeedReadsNothing) {
  Make();
  OfferRoom(1000);
  for (int i = 0; i < 100; ++i) net_->OnKick(0);
  EXPECT_EQ(wire_->reads, 0U);
}

TEST_F(NetReceiveTest, GuestGetsNoOffloadThatItDidNotAccept) {
  Make(kAllFeatures & ~kNetGuestOffloads);
  EXPECT_EQ(wire_->guest_offloads, 0U);
  OfferRoom(2000);
  wire_->Add(Frame(60), {.flags = kNetNeedsChecksum, .checksum_start = 34, .checksum_offset = 16});
  wire_->Add(Frame(61), {.flags = kNetDataValid});
  wire_->Poll();
  ASSERT_EQ(received(), 1);
  EXPECT_EQ(ReceivedLength(0), kNetHeaderSize + 61);
  EXPECT_EQ(HeaderAt(kRoom).flags, 0);
  EXPECT_EQ(net_->counters().receive_unwanted, 1U);
}

TEST_F(NetReceiveTest, BufferWithoutRoomForAHeaderFailsTheDevice) {
  Make();
  OfferRoom(kNetHeaderSize - 1);
  wire_->Add(Frame(60));
  wire_->Poll();
  EXPECT_THAT(host_.failures, ElementsAre(AllOf(HasSubstr("queue 0"), HasSubstr("11 bytes"))));
  EXPECT_EQ(wire_->events, nullptr);
}

TEST_F(NetReceiveTest, ReceiveErrorIsALostLink) {
  Make();
  OfferRoom(1000);
  wire_->receive_error = ENODEV;
  wire_->Poll();
  EXPECT_EQ(Config().status, 0);
  EXPECT_EQ(host_.config_changes, 1U);
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("No such device")));
  EXPECT_THAT(host_.kinds, ElementsAre(DeviceEvent::kLink));
  EXPECT_EQ(wire_->events, nullptr);
  Send(Frame(60));
  EXPECT_EQ(sent(), 0);
  EXPECT_THAT(host_.failures, IsEmpty());
}

TEST_F(NetReceiveTest, ReceivingWaits) {
  Net::Options options;
  options.receive.bytes = {.per_second = 100, .burst = 100};
  Make(kAllFeatures, options);
  for (int i = 0; i < 4; ++i) OfferRoom(1000);
  for (int i = 0; i < 3; ++i) wire_->Add(Frame(100));
  wire_->Poll();
  EXPECT_EQ(received(), 1);
  EXPECT_TRUE(wire_->paused[0]);
  net_->OnKick(0);
  EXPECT_EQ(received(), 1);
  EXPECT_EQ(net_->counters().receive_throttled, 1U);
  net_->UpdateLimits(RateLimits(), std::nullopt);
  EXPECT_EQ(received(), 1);
  net_->UpdateLimits(std::nullopt, RateLimits());
  EXPECT_EQ(received(), 3);
  EXPECT_FALSE(wire_->paused[0]);
}

}  // namespace
}  // namespace mayfly::virtio
