#include "tests/hostile/guest/nic.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "tests/hostile/guest/attack.h"
#include "tests/hostile/guest/expect.h"

namespace mayfly::hostile {
namespace {

constexpr size_t kTypeOffset = 2 * Nic::kMacBytes;
constexpr size_t kPurposeOffset = kTypeOffset + 2;
constexpr size_t kNumberOffset = kPurposeOffset + 2;
constexpr uint8_t kNoAck = 0xee;

uint16_t RingSize(const Registers& registers, uint32_t queue) {
  return static_cast<uint16_t>(std::min<uint32_t>(registers.QueueLimit(queue), Ring::kMaxSize));
}

uint16_t TypeOf(std::span<const std::byte> frame) {
  return static_cast<uint16_t>(std::to_integer<unsigned>(frame[kTypeOffset]) << 8 |
                               std::to_integer<unsigned>(frame[kTypeOffset + 1]));
}

}  // namespace

Nic::Nic(Registers registers)
    : registers_(registers),
      received_(std::make_unique<std::array<ReceiveBuffer, kReceiveBuffers>>()),
      send_(std::make_unique<SendBuffer>()) {
  for (uint32_t queue = 0; queue < kMaxQueues && registers.QueueLimit(queue) != 0; ++queue) {
    rings_.push_back(std::make_unique<Ring>(RingSize(registers, queue)));
  }
}

bool Nic::needs_reset() const { return (registers_.status() & virtio::kStatusNeedsReset) != 0; }

bool Nic::has_link() const {
  return (registers_.ReadAt<uint16_t>(virtio::kMmioConfigOffset + kMacBytes) &
          virtio::kNetLinkUp) != 0;
}

void Nic::Prepare(uint64_t features) {
  const uint64_t accepted = registers_.OfferedFeatures() & features;
  registers_.Negotiate(accepted);
  const auto queues = static_cast<uint32_t>(rings_.size());
  // 5.1.2.
  control_ = (accepted & virtio::kNetFeatureMultiqueue) != 0 ? queues - 1 : kControl;
  seen_used_.assign(queues, 0);
  for (uint32_t queue = 0; queue < queues; ++queue) {
    rings_[queue]->Clear();
    registers_.SetUpQueue(queue, rings_[queue]->place());
  }
}

bool Nic::Begin(uint64_t features, uint16_t buffers) {
  Prepare(features);
  for (uint16_t buffer = 0; buffer < buffers; ++buffer) GiveBack(buffer);
  const uint32_t status = registers_.AddStatus(virtio::kStatusDriverOk);
  registers_.Kick(kReceive);
  return (status & (virtio::kStatusDriverOk | virtio::kStatusNeedsReset)) ==
         virtio::kStatusDriverOk;
}

void Nic::GiveBack(uint16_t buffer) {
  ring(kReceive).Set(buffer, FromDevice(AddressOf(&(*received_)[buffer]), sizeof(ReceiveBuffer)));
  ring(kReceive).Offer(buffer);
}

void Nic::Address(uint8_t purpose, uint64_t number) {
  send_->header = {};
  std::span<std::byte> frame = send_->frame;
  std::ranges::fill(frame.first(kMacBytes), std::byte{0xff});
  for (size_t index = 0; index < kMacBytes; ++index) {
    frame[kMacBytes + index] =
        std::byte{registers_.ReadAt<uint8_t>(virtio::kMmioConfigOffset + index)};
  }
  frame[kTypeOffset] = std::byte{kTestType >> 8};
  frame[kTypeOffset + 1] = std::byte{kTestType & 0xff};
  frame[kPurposeOffset] = std::byte{purpose};
  std::memcpy(&frame[kNumberOffset], &number, sizeof number);
}

void Nic::Offer(uint32_t queue, std::initializer_list<RingDescriptor> descriptors) {
  ring(queue).Set(0, {descriptors.begin(), descriptors.size()});
  ring(queue).Offer(0);
  registers_.Kick(queue);
}

bool Nic::Send(size_t bytes) {
  Offer(kSend, {ToDevice(AddressOf(&send_->header), virtio::kNetHeaderSize, 1),
                ToDevice(AddressOf(&send_->frame), bytes)});
  return AwaitUsed(kSend, 1);
}

void Nic::Fill(uint32_t queue, size_t bytes) {
  ring(queue).Set(0, ToDevice(AddressOf(&send_->header), virtio::kNetHeaderSize, 1));
  ring(queue).Set(1, ToDevice(AddressOf(&send_->frame), bytes));
  for (uint16_t place = 0; place < ring(queue).size(); ++place) ring(queue).SetAvailable(place, 0);
}

void Nic::Refill(uint32_t queue) {
  ring(queue).SetAvailableIndex(
      static_cast<uint16_t>(ring(queue).used_index() + ring(queue).size()));
  registers_.Kick(queue);
}

bool Nic::AwaitUsed(uint32_t queue, uint16_t count) {
  const bool came = Await(
      [&] { return static_cast<uint16_t>(ring(queue).used_index() - seen_used_[queue]) >= count; });
  if (came) seen_used_[queue] = static_cast<uint16_t>(seen_used_[queue] + count);
  return came;
}

bool Nic::AwaitNeedsReset() const {
  return Await([this] { return needs_reset(); });
}

std::optional<uint8_t> Nic::Command(uint8_t command_class, uint8_t command,
                                    std::span<const std::byte> data) {
  const std::span<std::byte> scratch = Scratch();
  scratch[0] = std::byte{command_class};
  scratch[1] = std::byte{command};
  std::ranges::copy(data, scratch.begin() + 2);
  ack_ = kNoAck;
  Offer(control_,
        {ToDevice(AddressOf(scratch.data()), 2, 1),
         ToDevice(AddressOf(scratch.data() + 2), data.size(), 2), FromDevice(AddressOf(&ack_), 1)});
  if (!AwaitUsed(control_, 1)) return std::nullopt;
  return std::atomic_ref(ack_).load(std::memory_order_acquire);
}

bool Nic::TakeEcho(uint64_t number) {
  Ring& ring = this->ring(kReceive);
  bool found = false;
  while (ring.used_index() != seen_used_[kReceive]) {
    const UsedElement element = ring.used(seen_used_[kReceive]++);
    if (!Expect(element.id < kReceiveBuffers, "what comes in is in a buffer that was given")) break;
    const std::span<const std::byte> frame = (*received_)[element.id].frame;
    if (element.length >= virtio::kNetHeaderSize + kSmallest && TypeOf(frame) == kTestType) {
      uint64_t received = 0;
      std::memcpy(&received, &frame[kNumberOffset], sizeof received);
      found = found || received == number;
    }
    GiveBack(static_cast<uint16_t>(element.id));
    registers_.Kick(kReceive);
  }
  return found;
}

bool Nic::Echoes() {
  // A network loses what its queues do not hold: an echo that does not come in time is asked for
  // again.
  constexpr int kTries = 100;
  constexpr std::chrono::milliseconds kRoundTrip{200};
  const uint64_t number = 0xec0 << 16 | ++echoes_;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    Address(kEcho, number);
    if (!Send(kSmallest)) return false;
    const std::chrono::nanoseconds late = guest::Now() + kRoundTrip;
    while (guest::Now() < late) {
      if (TakeEcho(number)) return true;
    }
  }
  return false;
}

}  // namespace mayfly::hostile
