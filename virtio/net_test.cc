#include "virtio/net.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/testing/driver_ring.h"
#include "virtio/testing/fake_host.h"
#include "virtio/testing/fake_net.h"
#include "virtio/testing/guest_ram.h"

namespace mayfly::virtio {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint16_t kRingSize = 16;
constexpr uint64_t kRingSpace = 0x1000;
constexpr uint64_t kRings = 0x1000;
constexpr uint64_t kData = 0x20000;     // what is sent
constexpr uint64_t kRoom = 0x40000;     // for what is received
constexpr uint64_t kCommand = 0x80000;  // in the control queue
constexpr uint64_t kAnswer = 0x80100;
constexpr MacAddress kMac = {{0x02, 0, 0, 0, 0, 0x01}};
constexpr uint64_t kAllFeatures = kRingFeatures | kNetFeatureMac | kNetFeatureStatus |
                                  kNetFeatureMergeableBuffers | kNetFeatureControlQueue |
                                  kNetFeatureControlGuestOffloads | kNetHostOffloads |
                                  kNetGuestOffloads;
constexpr std::byte kUntouched{0xee};

// From the guest's address, with `size` bytes in all.
std::vector<std::byte> Frame(size_t size) {
  std::vector<std::byte> frame(size);
  for (size_t i = 0; i < size; ++i) frame[i] = static_cast<std::byte>(i * 7 + i / 256);
  for (size_t i = 0; i < MacAddress::kSize; ++i) {
    frame[MacAddress::kSize + i] = static_cast<std::byte>(kMac.bytes[i]);
  }
  frame[12] = std::byte{0x08};
  frame[13] = std::byte{0x00};
  return frame;
}

Net::Options WithMtu(uint16_t mtu) {
  Net::Options options;
  options.mtu = mtu;
  return options;
}

// One packet, and then as many.
Net::Options WithTransmitRate(uint64_t packets_per_second) {
  Net::Options options;
  options.transmit.operations = {.per_second = packets_per_second, .burst = 1};
  return options;
}

class NetTest : public ::testing::Test {
 protected:
  NetTest() : io_(EventLoop::Create().value()) {}
  ~NetTest() override {
    if (net_ == nullptr) return;
    net_->Reset();
    net_->Shutdown();
  }

  void Make(uint64_t features = kAllFeatures, Net::Options options = {}) {
    options.filter.mac = kMac;
    net_ = Net::Create(std::make_unique<FakeNet>(wire_), std::move(options), *io_).value();
    rings_.clear();
    queues_ = std::vector<Queue>(net_->queue_max_sizes().size());
    for (size_t i = 0; i < queues_.size(); ++i) {
      DriverRing& ring = rings_.emplace_back(memory_, kRings + i * kRingSpace, kRingSize);
      ring.Clear();
      EXPECT_TRUE(queues_[i].Activate(memory_, ring.layout(), Net::kQueueSize, features).ok());
    }
    net_->Activate(features, queues_, host_);
  }

  // Has the guest send a frame, in pieces of those sizes, the rest in one more.
  void Send(const std::vector<std::byte>& frame, const NetHeader& header = {}, uint16_t pair = 0) {
    OfferToSend(frame, header, pair);
    net_->OnKick(NetSendQueue(pair));
  }
  void OfferToSend(const std::vector<std::byte>& frame, const NetHeader& header = {},
                   uint16_t pair = 0) {
    ASSERT_TRUE(memory_.Store(kData, header).ok());
    ASSERT_TRUE(memory_.Write(kData + kNetHeaderSize, frame).ok());
    rings_[NetSendQueue(pair)].Offer(
        next_to_send_++ % kRingSize,
        {{kData, static_cast<uint32_t>(kNetHeaderSize + frame.size())}});
  }
  // Makes a receive buffer of `size` bytes available; they lie one after the other.
  void OfferRoom(uint32_t size, uint16_t pair = 0) {
    ASSERT_TRUE(memory_.Fill(room_end_, size, kUntouched).ok());
    rings_[NetReceiveQueue(pair)].Offer(next_room_++ % kRingSize, {{room_end_, size, true}});
    room_end_ += size;
  }
  // What a command comes to.
  [[nodiscard]] NetControlAck Command(const std::vector<uint8_t>& bytes) {
    EXPECT_TRUE(memory_.Write(kCommand, std::as_bytes(std::span(bytes))).ok());
    EXPECT_TRUE(memory_.Store(kAnswer, uint8_t{0xee}).ok());
    const auto queue = static_cast<uint16_t>(queues_.size() - 1);
    rings_[queue].Offer(next_command_,
                        {{kCommand, static_cast<uint32_t>(bytes.size())}, {kAnswer, 1, true}});
    next_command_ = static_cast<uint16_t>((next_command_ + 2) % kRingSize);
    net_->OnKick(queue);
    return static_cast<NetControlAck>(memory_.Load<uint8_t>(kAnswer).value());
  }
  [[nodiscard]] NetControlAck SetPairs(uint16_t pairs) {
    return Command({4, 0, static_cast<uint8_t>(pairs), static_cast<uint8_t>(pairs >> 8U)});
  }
  [[nodiscard]] NetControlAck SetOffloads(uint64_t offloads) {
    std::vector<uint8_t> bytes = {5, 0};
    for (unsigned i = 0; i < 8; ++i) bytes.push_back(static_cast<uint8_t>(offloads >> (8 * i)));
    return Command(bytes);
  }

  [[nodiscard]] NetConfig Config() const {
    NetConfig config;
    net_->ReadConfig(0, std::as_writable_bytes(std::span(&config, 1)));
    return config;
  }
  [[nodiscard]] uint16_t received(uint16_t pair = 0) const {
    return rings_[NetReceiveQueue(pair)].used_index();
  }
  [[nodiscard]] uint16_t sent(uint16_t pair = 0) const {
    return rings_[NetSendQueue(pair)].used_index();
  }
  [[nodiscard]] uint32_t ReceivedLength(uint16_t index) const {
    return rings_[0].used(index).length;
  }
  [[nodiscard]] NetHeader HeaderAt(uint64_t address) const {
    return memory_.Load<NetHeader>(address).value();
  }
  [[nodiscard]] std::vector<std::byte> BytesAt(uint64_t address, size_t size) const {
    std::vector<std::byte> bytes(size);
    EXPECT_TRUE(memory_.Read(address, bytes).ok());
    return bytes;
  }

  const std::unique_ptr<EventLoop> io_;
  const GuestMemory memory_ = MakeGuestRam();
  const std::shared_ptr<FakeNet::Wire> wire_ = std::make_shared<FakeNet::Wire>();
  std::deque<DriverRing> rings_;
  std::vector<Queue> queues_;
  FakeHost host_;
  std::unique_ptr<Net> net_;
  uint16_t next_to_send_ = 0;
  uint16_t next_room_ = 0;
  uint16_t next_command_ = 0;
  uint64_t room_end_ = kRoom;
};

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

TEST_F(NetTest, SendsAFrame) {
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

TEST_F(NetTest, SendsAFrameInAnyPieces) {
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

TEST_F(NetTest, SendsTheHeaderThatWasChecked) {
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

TEST_F(NetTest, DropsAndTellsOnceWhatLies) {
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

TEST_F(NetTest, DropsWhatHasNoHeader) {
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

TEST_F(NetTest, DropsWhatTheFilterRefuses) {
  Make();
  auto frame = Frame(60);
  frame[7] ^= std::byte{1};
  Send(frame);
  EXPECT_THAT(wire_->sent, IsEmpty());
  EXPECT_EQ(sent(), 1);
  EXPECT_EQ(net_->filter().dropped(NetFilter::Verdict::kSourceMac), 1U);
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("MAC")));
}

TEST_F(NetTest, DropsWhatTheHostRefuses) {
  Make();
  wire_->send_error = EIO;
  Send(Frame(60));
  Send(Frame(60));
  EXPECT_EQ(sent(), 2);
  EXPECT_EQ(net_->counters().send_errors, 2U);
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("bring its interface up")));
}

TEST_F(NetTest, WaitsForABackendThatIsFull) {
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

TEST_F(NetTest, OthersHaveTheirTurn) {
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

TEST_F(NetTest, ReceivesAFrame) {
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

TEST_F(NetTest, HeaderMayLieInPieces) {
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

TEST_F(NetTest, MergesBuffers) {
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

TEST_F(NetTest, FillsBuffersToTheLastByte) {
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
TEST_F(NetTest, RoomFollowsWhatComes) {
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
  EXPECT_EQ(BytesAt(kRoom + 6 * 4096 + kNetHeaderSize, frame.size()), frame);
  EXPECT_EQ(wire_->most_pieces, 2U + 10);
}

TEST_F(NetTest, LosesNothingForLackOfBuffers) {
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

TEST_F(NetTest, DropsWhatAWholeRingCannotHold) {
  Make();
  for (uint16_t i = 0; i < kRingSize; ++i) OfferRoom(100);
  wire_->Add(Frame(kRingSize * 100));
  const auto frame = Frame(60);
  wire_->Add(frame);
  wire_->Poll();
  EXPECT_EQ(received(), 1);
  EXPECT_EQ(BytesAt(kRoom + kNetHeaderSize, 60), frame);
  EXPECT_EQ(net_->counters().receive_too_long, 1U);
}

TEST_F(NetTest, WithoutMergingAPacketTakesOneBuffer) {
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

TEST_F(NetTest, DoesNotSpinWithoutBuffers) {
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

TEST_F(NetTest, KickWithoutNeedReadsNothing) {
  Make();
  OfferRoom(1000);
  for (int i = 0; i < 100; ++i) net_->OnKick(0);
  EXPECT_EQ(wire_->reads, 0U);
}

TEST_F(NetTest, GuestGetsNoOffloadThatItDidNotAccept) {
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

TEST_F(NetTest, BufferWithoutRoomForAHeaderFailsTheDevice) {
  Make();
  OfferRoom(kNetHeaderSize - 1);
  wire_->Add(Frame(60));
  wire_->Poll();
  EXPECT_THAT(host_.failures, ElementsAre(AllOf(HasSubstr("queue 0"), HasSubstr("11 bytes"))));
  EXPECT_EQ(wire_->events, nullptr);
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

TEST_F(NetTest, ReceiveErrorIsALostLink) {
  Make();
  OfferRoom(1000);
  wire_->receive_error = ENODEV;
  wire_->Poll();
  EXPECT_EQ(Config().status, 0);
  EXPECT_EQ(host_.config_changes, 1U);
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("No such device")));
  EXPECT_EQ(wire_->events, nullptr);
  Send(Frame(60));
  EXPECT_EQ(sent(), 0);
  EXPECT_THAT(host_.failures, IsEmpty());
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

TEST_F(NetTest, OffloadsFollowTheDriver) {
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

TEST_F(NetTest, OffloadsThatWereNotNegotiatedAreAnError) {
  Make(kAllFeatures & ~kNetFeatureGuestTso6);
  EXPECT_EQ(SetOffloads(kNetFeatureGuestChecksum | kNetFeatureGuestTso6), NetControlAck::kError);
  EXPECT_EQ(SetOffloads(kNetFeatureChecksum), NetControlAck::kError);
  EXPECT_EQ(wire_->guest_offloads, kNetGuestOffloads & ~kNetFeatureGuestTso6);
}

TEST_F(NetTest, CommandsThatAreNoneAreErrors) {
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

TEST_F(NetTest, CommandWithoutRoomForAnAnswerFailsTheDevice) {
  Make();
  rings_[2].Offer(0, {{kCommand, 10}});
  net_->OnKick(2);
  EXPECT_THAT(host_.failures, ElementsAre(HasSubstr("no room for its answer")));
}

TEST_F(NetTest, CommandsHaveTheirTurnOneByOne) {
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

TEST_F(NetTest, ControlQueueIsTheThirdWithoutMultiqueue) {
  wire_->max_queue_pairs = 4;
  Make();  // accepts all but multiqueue
  ASSERT_TRUE(memory_.Write(kCommand, std::as_bytes(std::span("\x05\x00\0\0\0\0\0\0\0"))).ok());
  rings_[2].Offer(0, {{kCommand, 10}, {kAnswer, 1, true}});
  net_->OnKick(2);
  EXPECT_EQ(rings_[2].used_index(), 1);
  EXPECT_EQ(wire_->guest_offloads, 0U);
}

class NetPairsTest : public NetTest {
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

using NetLimitsTest = NetTest;

TEST_F(NetLimitsTest, SendingWaits) {
  Make(kAllFeatures, WithTransmitRate(1));
  Send(Frame(60));
  Send(Frame(61));
  net_->OnKick(1);
  EXPECT_EQ(sent(), 1);
  EXPECT_EQ(net_->counters().send_throttled, 1U);
  net_->UpdateLimits({}, {});
  EXPECT_EQ(sent(), 2);
}

TEST_F(NetLimitsTest, ReceivingWaits) {
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
  net_->UpdateLimits({}, {});
  EXPECT_EQ(received(), 3);
  EXPECT_FALSE(wire_->paused[0]);
}

TEST_F(NetLimitsTest, TheGateOpensByItself) {
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

TEST_F(NetTest, ResetForgetsAll) {
  Make(kAllFeatures, WithTransmitRate(1));
  Send(Frame(60));
  Send(Frame(61));  // waits for the gate
  OfferRoom(100);
  wire_->Add(Frame(500));  // waits for room
  wire_->Poll();
  net_->Reset();
  EXPECT_EQ(wire_->events, nullptr);
  net_->UpdateLimits({}, {});
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
