// A network card before a driver that does as the input says. Its backend traps on what must not
// reach one: a foreign address, a frame of no possible size, a checksum or a segmentation beyond
// the frame.

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/testing/byte_source.h"
#include "base/testing/fuzz_target.h"
#include "virtio/net/net.h"
#include "virtio/net/net_features.h"
#include "virtio/net/testing/fake_net.h"
#include "virtio/testing/fake_host.h"
#include "virtio/testing/fuzz_driver.h"
#include "virtio/testing/guest_ram.h"

namespace mayfly::virtio {
namespace {

constexpr uint16_t kPairs = 2;
constexpr uint16_t kQueues = 2 * kPairs + 1;
constexpr uint64_t kRings = 0x1000;
constexpr uint64_t kRingSpace = 0x400;
constexpr uint64_t kPacket = 0xc000;
constexpr uint64_t kCommand = 0xb000;
constexpr uint64_t kAnswer = 0xb100;
constexpr MacAddress kMac = {{0x02, 0, 0, 0, 0, 1}};
constexpr uint64_t kAllFeatures = kRingFeatures | kNetFeatureMac | kNetFeatureStatus |
                                  kNetFeatureMtu | kNetFeatureMergeableBuffers |
                                  kNetFeatureControlQueue | kNetFeatureControlGuestOffloads |
                                  kNetFeatureMultiqueue | kNetHostOffloads | kNetGuestOffloads;

enum class Action : uint8_t {
  kDrive,
  kOfferPacket,
  kOfferRoom,
  kOfferCommand,
  kKick,
  kArrive,
  kPoll,
  kError,
  kWritable,
  kReset,
  kReadConfig,
  kCount,
};

void Check(bool good) {
  if (!good) __builtin_trap();
}

void CheckSent(const FakePacket& packet) {
  const size_t size = packet.frame.size();
  Check(size >= kEthernetHeaderSize && size <= kMaxFrameSize);
  Check(std::memcmp(&packet.frame[MacAddress::kSize], kMac.bytes.data(), MacAddress::kSize) == 0);
  const NetHeader& header = packet.header;
  Check(header.num_buffers == 0 && (header.flags & ~kNetNeedsChecksum) == 0);
  const size_t checksum = size_t{header.checksum_start} + header.checksum_offset;
  if (header.flags != 0) {
    // Neither in the Ethernet header nor in an IP header without options.
    Check(checksum >= kEthernetHeaderSize + 20 && checksum + 2 <= size);
  } else {
    Check(checksum == 0 && header.gso_type == 0);
  }
  if (header.gso_type == 0) {
    Check(header.gso_size == 0 && header.header_length == 0);
  } else {
    Check(header.gso_size != 0 && header.header_length > checksum &&
          size > size_t{header.header_length} + header.gso_size);
  }
}

class Fuzz final {
 public:
  explicit Fuzz(ByteSource input) : input_(input), io_(EventLoop::Create().value()) {
    wire_->max_queue_pairs = kPairs;
    Net::Options options;
    options.filter.mac = kMac;
    options.mtu = 1500;
    net_ = Net::Create(std::make_unique<FakeNet>(wire_), std::move(options), *io_).value();
    for (uint16_t i = 0; i < kQueues; ++i) drivers_.emplace_back(memory_, kRings + i * kRingSpace);
    Activate();
  }

  void Run() {
    while (!input_.empty()) {
      Step();
      for (const FakePacket& packet : wire_->sent) CheckSent(packet);
      wire_->sent.clear();
    }
    net_->Reset();
    net_->Shutdown();
  }

 private:
  void Activate() {
    // Without version 1 there is no driver, nor with what does not go together.
    const uint64_t features = WithoutUnmetNetFeatures(
        kFeatureVersion1 |
        (input_.TakeBelow(2) == 0 ? kAllFeatures : kAllFeatures & input_.Take<uint64_t>()));
    const uint8_t missing = input_.Take<uint8_t>();
    for (uint16_t i = 0; i < kQueues; ++i) {
      queues_[i].Deactivate();
      if (missing == i + 1) continue;
      const absl::Status activated =
          queues_[i].Activate(memory_, drivers_[i].ring().layout(), Net::kQueueSize, features);
      Check(activated.ok());
    }
    net_->Activate(features, queues_, host_);
    failures_ = host_.failures.size();
  }

  void OfferPacket() {
    NetHeader header;
    header.flags = input_.Take<uint8_t>() & 3U;
    header.gso_type = input_.Take<uint8_t>();
    header.gso_size = input_.Take<uint16_t>();
    header.checksum_start = input_.Take<uint8_t>();
    header.checksum_offset = input_.Take<uint8_t>();
    // The addresses are right, the rest may be anything.
    std::array<std::byte, 128> head{};
    const auto content = std::as_bytes(input_.TakeBytes(input_.TakeBelow(head.size() - 12)));
    std::memcpy(&head[MacAddress::kSize], kMac.bytes.data(), MacAddress::kSize);
    std::memcpy(&head[2 * MacAddress::kSize], content.data(), content.size());
    Check(memory_.Store(kPacket, header).ok());
    Check(memory_.Write(kPacket + kNetHeaderSize, head).ok());
    const auto split = static_cast<uint32_t>(input_.TakeBelow(80));
    const auto size = input_.Take<uint16_t>();
    const uint16_t pair = TakePair();
    drivers_[NetSendQueue(pair)].ring().Offer(TakeHead(),
                                              {{kPacket, split}, {kPacket + split, size}});
  }
  void OfferRoom() {
    const uint16_t pair = TakePair();
    const uint16_t head = TakeHead();
    const uint64_t address = FuzzDriver::TakeAddress(input_);
    drivers_[NetReceiveQueue(pair)].ring().Offer(head, {{address, input_.Take<uint16_t>(), true}});
  }
  void OfferCommand() {
    const auto bytes = std::as_bytes(input_.TakeBytes(input_.TakeBelow(16)));
    Check(memory_.Write(kCommand, bytes).ok());
    drivers_[input_.TakeBelow(2) == 0 ? kQueues - 1 : 2].ring().Offer(
        TakeHead(), {{kCommand, static_cast<uint32_t>(bytes.size())}, {kAnswer, 1, true}});
  }
  void Arrive() {
    FakePacket packet;
    packet.pair = TakePair();
    packet.header = input_.Take<NetHeader>();
    packet.frame.resize(input_.TakeBelow(4) == 0 ? input_.Take<uint16_t>()
                                                 : input_.Take<uint8_t>());
    if (wire_->to_receive.size() < 64) wire_->to_receive.push_back(std::move(packet));
  }
  void Reset() {
    net_->Reset();
    Check(wire_->events == nullptr);
    Activate();
  }

  void Step() {
    switch (static_cast<Action>(input_.TakeBelow(static_cast<uint64_t>(Action::kCount)))) {
      case Action::kOfferPacket:
        return OfferPacket();
      case Action::kOfferRoom:
        return OfferRoom();
      case Action::kOfferCommand:
        return OfferCommand();
      case Action::kKick: {
        // As the transport: none for a device that has failed, or a queue that is not there.
        const auto queue = static_cast<uint16_t>(input_.TakeBelow(kQueues));
        if (host_.failures.size() == failures_ && queues_[queue].active()) net_->OnKick(queue);
        return;
      }
      case Action::kArrive:
        return Arrive();
      case Action::kPoll:
        return wire_->Poll();
      case Action::kError: {
        constexpr std::array kErrors = {0, EAGAIN, EIO, ENODEV};
        wire_->send_error = kErrors[input_.TakeBelow(3)];
        wire_->receive_error = input_.TakeBelow(16) == 0 ? ENODEV : 0;
        return;
      }
      case Action::kWritable:
        if (wire_->events != nullptr) wire_->events->OnWritable(TakePair());
        return;
      case Action::kReset:
        return Reset();
      case Action::kReadConfig: {
        std::array<std::byte, 8> out{};
        return net_->ReadConfig(input_.Take<uint8_t>(), out);
      }
      case Action::kDrive:
      case Action::kCount:
        return drivers_[input_.TakeBelow(kQueues)].Step(input_);
    }
  }

  [[nodiscard]] uint16_t TakePair() { return static_cast<uint16_t>(input_.TakeBelow(kPairs)); }
  [[nodiscard]] uint16_t TakeHead() {
    return static_cast<uint16_t>(input_.TakeBelow(FuzzDriver::kQueueSize - 1));
  }

  ByteSource input_;
  const std::unique_ptr<EventLoop> io_;
  const GuestMemory memory_ = MakeGuestRam();
  const std::shared_ptr<FakeNet::Wire> wire_ = std::make_shared<FakeNet::Wire>();
  std::deque<FuzzDriver> drivers_;
  std::array<Queue, kQueues> queues_;
  FakeHost host_;
  size_t failures_ = 0;
  std::unique_ptr<Net> net_;
};

}  // namespace
}  // namespace mayfly::virtio

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mayfly::virtio::Fuzz(mayfly::ByteSource(data, size)).Run();
  return 0;
}
