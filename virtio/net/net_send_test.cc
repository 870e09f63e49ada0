#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/net/testing/net_fixture.h"

namespace mayfly::virtio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using NetSendTest = NetFixture;

TEST_F(NetSendTest, SendsAFrame) {
  Make();
  const auto frame = Frame(60);
  Send(frame);
  ASSERT_THAT(wire_->sent, SizeIs(1));
  EXPECT_EQ(wire_->sent[0].frame, frame);
  EXPECT_EQ(wire_->sent[0].header, NetHeader());
  EXPECT_EQ(sent(), 1);
  EXPECT_EQ(rings_[1].used(0).length, 0U);
  EXPECT_EQ(host_.queue_interrupts, 1U);
  EXPECT_EQ(net_->counters().sent, 1U);
  EXPECT_EQ(net_->counters().sent_bytes, 60U);
}

TEST_F(NetSendTest, SendsAFrameInAnyPieces) {
  Make();
  const auto frame = Frame(1514);
  ASSERT_TRUE(memory_.Store(kData, NetHeader()).ok());
  ASSERT_TRUE(memory_.Write(kData + kNetHeaderSize, frame).ok());
  rings_[1].Offer(0, {{kData, 5},
                      {kData + 5, 8},
                      {kData + 13, 1},
                      {kData + 14, 600},
                      {kData + 614, 12 + 1514 - 614}});
  net_->OnKick(1);
  ASSERT_THAT(wire_->sent, SizeIs(1));
  EXPECT_EQ(wire_->sent[0].frame, frame);
}

TEST_F(NetSendTest, SendsTheHeaderThatWasChecked) {
  Make();
  auto frame = Frame(4000);
  frame[14] = std::byte{0x45};
  frame[20] = std::byte{0};
  frame[21] = std::byte{0};
  frame[23] = std::byte{6};
  frame[34 + 12] = std::byte{0x50};
  Send(frame, {.flags = kNetNeedsChecksum | kNetDataValid,
               .gso_type = static_cast<uint8_t>(NetGso::kTcp4),
               .header_length = 3,
               .gso_size = 1000,
               .checksum_start = 34,
               .checksum_offset = 16,
               .num_buffers = 99});
  ASSERT_THAT(wire_->sent, SizeIs(1));
  EXPECT_EQ(wire_->sent[0].header, (NetHeader{.flags = kNetNeedsChecksum,
                                              .gso_type = static_cast<uint8_t>(NetGso::kTcp4),
                                              .header_length = 54,
                                              .gso_size = 1000,
                                              .checksum_start = 34,
                                              .checksum_offset = 16,
                                              .num_buffers = 0}));
}

TEST_F(NetSendTest, DropsAndTellsOnceWhatLies) {
  Make();
  const NetHeader lie = {.flags = kNetNeedsChecksum, .checksum_start = 20, .checksum_offset = 4};
  Send(Frame(100), lie);
  Send(Frame(100), lie);
  EXPECT_THAT(wire_->sent, IsEmpty());
  EXPECT_EQ(sent(), 2);
  EXPECT_EQ(net_->counters().sent, 0U);
  EXPECT_EQ(net_->counters().send_faults[static_cast<size_t>(NetHeaderCheck::Fault::kChecksum)],
            2U);
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("a checksum where the frame has none")));
  EXPECT_THAT(host_.failures, IsEmpty());
}

TEST_F(NetSendTest, DropsWhatHasNoHeader) {
  Make();
  rings_[1].Offer(0, {{kData, kNetHeaderSize - 1}});
  rings_[1].Offer(1, {{kData, 64, true}});  // nothing to read
  rings_[1].Offer(2, {{kData, kNetHeaderSize + 13}});
  net_->OnKick(1);
  EXPECT_EQ(sent(), 3);
  EXPECT_THAT(wire_->sent, IsEmpty());
  EXPECT_EQ(net_->counters().send_faults[static_cast<size_t>(NetHeaderCheck::Fault::kTooShort)],
            3U);
}

TEST_F(NetSendTest, DropsWhatTheFilterRefuses) {
  Make();
  auto frame = Frame(60);
  frame[7] ^= std::byte{1};
  Send(frame);
  EXPECT_THAT(wire_->sent, IsEmpty());
  EXPECT_EQ(sent(), 1);
  EXPECT_EQ(net_->filter().dropped(NetFilter::Verdict::kSourceMac), 1U);
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("MAC")));
}

TEST_F(NetSendTest, DropsWhatTheHostRefuses) {
  Make();
  wire_->send_error = EIO;
  Send(Frame(60));
  Send(Frame(60));
  EXPECT_EQ(sent(), 2);
  EXPECT_EQ(net_->counters().send_errors, 2U);
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("bring its interface up")));
}

TEST_F(NetSendTest, WaitsForABackendThatIsFull) {
  Make();
  wire_->send_error = EAGAIN;
  Send(Frame(60));
  Send(Frame(61));
  EXPECT_EQ(sent(), 0);
  wire_->send_error = 0;
  wire_->events->OnWritable(0);
  ASSERT_THAT(wire_->sent, SizeIs(2));
  EXPECT_EQ(wire_->sent[0].frame.size(), 60U);
  EXPECT_EQ(sent(), 2);
}

TEST_F(NetSendTest, OthersHaveTheirTurn) {
  Make();
  // A guest that always has one packet more.
  wire_->on_send = [this] { OfferToSend(Frame(60)); };
  Send(Frame(60));
  EXPECT_EQ(sent(), Net::kQueueSize);
  EXPECT_THAT(host_.kicked_again, ElementsAre(NetSendQueue(0)));
  wire_->on_send = nullptr;
  net_->OnKick(NetSendQueue(0));
  EXPECT_EQ(sent(), Net::kQueueSize + 1);
  EXPECT_THAT(host_.kicked_again, SizeIs(1));
}

TEST_F(NetSendTest, SendingWaits) {
  Make(kAllFeatures, WithTransmitRate(1));
  Send(Frame(60));
  Send(Frame(61));
  net_->OnKick(1);
  EXPECT_EQ(sent(), 1);
  EXPECT_EQ(net_->counters().send_throttled, 1U);
  net_->UpdateLimits(std::nullopt, RateLimits());
  EXPECT_EQ(sent(), 1);
  net_->UpdateLimits(RateLimits(), std::nullopt);
  EXPECT_EQ(sent(), 2);
}

TEST_F(NetSendTest, TheGateOpensByItself) {
  Make(kAllFeatures, WithTransmitRate(100));
  for (int i = 0; i < 3; ++i) OfferToSend(Frame(60));
  net_->OnKick(1);
  EXPECT_EQ(sent(), 1);
  // Called by the timer, when time has come for each of them.
  std::function<void()> look = [&] { sent() == 3 ? io_->Stop() : io_->Post(look); };
  io_->Post(look);
  io_->Run();
  EXPECT_EQ(sent(), 3);
}

}  // namespace
}  // namespace mayfly::virtio
