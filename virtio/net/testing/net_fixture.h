#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "virtio/net/net.h"
#include "virtio/net/testing/fake_net.h"
#include "virtio/testing/driver_ring.h"
#include "virtio/testing/fake_host.h"
#include "virtio/testing/guest_ram.h"

namespace mayfly::virtio {

inline constexpr uint16_t kRingSize = 16;
inline constexpr uint64_t kRingSpace = 0x1000;
inline constexpr uint64_t kRings = 0x1000;
inline constexpr uint64_t kData = 0x20000;     // what is sent
inline constexpr uint64_t kRoom = 0x40000;     // for what is received
inline constexpr uint64_t kCommand = 0x80000;  // in the control queue
inline constexpr uint64_t kAnswer = 0x80100;
inline constexpr MacAddress kMac = {{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr uint64_t kAllFeatures = kRingFeatures | kNetFeatureMac | kNetFeatureStatus |
                                         kNetFeatureMergeableBuffers | kNetFeatureControlQueue |
                                         kNetFeatureControlGuestOffloads | kNetHostOffloads |
                                         kNetGuestOffloads;
inline constexpr std::byte kUntouched{0xee};

// From the guest's address, with `size` bytes in all.
inline std::vector<std::byte> Frame(size_t size) {
  std::vector<std::byte> frame(size);
  for (size_t i = 0; i < size; ++i) frame[i] = static_cast<std::byte>(i * 7 + i / 256);
  for (size_t i = 0; i < MacAddress::kSize; ++i) {
    frame[MacAddress::kSize + i] = static_cast<std::byte>(kMac.bytes[i]);
  }
  frame[12] = std::byte{0x08};
  frame[13] = std::byte{0x00};
  return frame;
}

inline Net::Options WithMtu(uint16_t mtu) {
  Net::Options options;
  options.mtu = mtu;
  return options;
}

// One packet, and then as many.
inline Net::Options WithTransmitRate(uint64_t packets_per_second) {
  Net::Options options;
  options.transmit.operations = {.per_second = packets_per_second, .burst = 1};
  return options;
}

// A network card on a FakeNet, and its driver.
class NetFixture : public ::testing::Test {
 protected:
  NetFixture() : io_(EventLoop::Create().value()) {}
  ~NetFixture() override {
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

}  // namespace mayfly::virtio
