#include "images/unikernel/net.h"

#include <algorithm>
#include <cstring>

#include "images/unikernel/interrupts.h"

namespace mayfly::guest {
namespace {

// Virtio 1.2, 5.1.2 to 5.1.4.
constexpr uint32_t kReceiveQueue = 0;
constexpr uint32_t kSendQueue = 1;
constexpr uint64_t kFeatureMac = uint64_t{1} << 5;
constexpr uint64_t kConfigMac = 0;
constexpr uint64_t kReceiveOffloads = NetOptions::kGuestTso4 | NetOptions::kGuestTso6;

constexpr size_t kLargestFrame = 65536 + 14;
constexpr size_t kOrdinaryFrame = 1514;
// Buffers of 64 KiB would take 16 MiB otherwise.
constexpr uint32_t kLargeBuffers = 32;
// Buffers are shown to the device in batches: an index the more is a cache line the more.
constexpr size_t kBatch = 16;
constexpr size_t kAlignment = 64;

}  // namespace

std::vector<std::unique_ptr<NetDevice>> NetDevice::FindAll(NetOptions options) {
  std::vector<std::unique_ptr<NetDevice>> found;
  for (VirtioMmio& device : VirtioMmio::FindAll(VirtioDeviceId::kNet)) {
    if (!device.Negotiate(options.features | kFeatureMac)) continue;
    if (device.QueueLimit(kReceiveQueue) == 0 || device.QueueLimit(kSendQueue) == 0) continue;
    found.push_back(std::unique_ptr<NetDevice>(new NetDevice(device)));
    NetDevice& net = *found.back();
    net.device_.HandleInterrupts(
        [](void* context) { static_cast<NetDevice*>(context)->OnInterrupt(); }, &net);
    net.KickReceive();
  }
  return found;
}

size_t NetDevice::BufferBytes(uint64_t features) {
  if ((features & NetOptions::kMergeableBuffers) != 0) return kBufferBytes;
  const size_t frame = (features & kReceiveOffloads) != 0 ? kLargestFrame : kOrdinaryFrame;
  return (sizeof(NetHeader) + frame + kAlignment - 1) / kAlignment * kAlignment;
}

NetDevice::NetDevice(const VirtioMmio& device)
    : device_(device),
      receive_(BufferBytes(device.features()) > kBufferBytes
                   ? std::min(device.QueueLimit(kReceiveQueue), kLargeBuffers)
                   : device.QueueLimit(kReceiveQueue),
               device.features()),
      send_(device.QueueLimit(kSendQueue), device.features()),
      buffer_bytes_(BufferBytes(device.features())),
      memory_(receive_.size() * buffer_bytes_) {
  if ((device.features() & kFeatureMac) != 0) {
    for (size_t i = 0; i < mac_.size(); ++i) mac_[i] = device_.ReadConfig8(kConfigMac + i);
  }
  device_.EnableQueue(kReceiveQueue, receive_);
  device_.EnableQueue(kSendQueue, send_);
  for (uint32_t i = 0; i < receive_.size(); ++i) Offer(static_cast<uint16_t>(i));
  device_.SetDriverOk();
}

std::span<std::byte> NetDevice::Buffer(size_t index) {
  return std::span(memory_).subspan(index * buffer_bytes_, buffer_bytes_);
}

bool NetDevice::Send(std::span<const std::byte> packet) {
  const VirtioBuffer buffer = {packet.data(), static_cast<uint32_t>(packet.size()),
                               VirtioDirection::kToDevice};
  return send_.Add(std::span(&buffer, 1)).has_value();
}

void NetDevice::KickSend() { Kick(send_, kSendQueue); }

size_t NetDevice::TakeSent() {
  size_t count = 0;
  while (send_.TakeUsed()) ++count;
  return count;
}

std::optional<NetPacket> NetDevice::Receive() {
  GiveBack();
  auto completion = receive_.TakeUsed();
  if (!completion) {
    KickReceive();
    return std::nullopt;
  }
  NetPacket packet;
  size_t expected = 1;
  while (true) {
    const uint16_t index = buffers_[completion->token];
    taken_[taken_count_] = index;
    const std::span whole =
        Buffer(index).first(std::min<size_t>(completion->written, buffer_bytes_));
    const bool first = taken_count_ == 0;
    if (first) {
      std::memcpy(&packet.header, whole.data(), sizeof packet.header);
      if ((features() & NetOptions::kMergeableBuffers) != 0) {
        expected = std::clamp<size_t>(packet.header.buffers, 1, kMaxPieces);
      }
    }
    pieces_[taken_count_] =
        first ? whole.subspan(std::min(sizeof packet.header, whole.size())) : whole;
    packet.bytes += pieces_[taken_count_].size();
    if (++taken_count_ == expected) break;
    // The device shows all buffers of a packet at once.
    completion = receive_.TakeUsed();
    if (!completion) break;
  }
  packet.pieces = std::span(pieces_).first(taken_count_);
  return packet;
}

void NetDevice::GiveBack() {
  for (size_t i = 0; i < taken_count_; ++i) Offer(taken_[i]);
  taken_count_ = 0;
  if (unpublished_ >= kBatch) KickReceive();
}

// There is always room: a buffer for each descriptor.
void NetDevice::Offer(uint16_t buffer) {
  const std::span<std::byte> memory = Buffer(buffer);
  const VirtioBuffer description = {memory.data(), static_cast<uint32_t>(memory.size()),
                                    VirtioDirection::kFromDevice};
  if (const auto token = receive_.Add(std::span(&description, 1))) {
    buffers_[*token] = buffer;
    ++unpublished_;
  }
}

void NetDevice::KickReceive() {
  if (unpublished_ == 0) return;
  unpublished_ = 0;
  Kick(receive_, kReceiveQueue);
}

void NetDevice::Kick(Virtqueue& queue, uint32_t index) {
  if (!queue.Publish()) return;
  ++kicks_;
  device_.Notify(index);
}

void NetDevice::WaitForPacket() {
  const InterruptMask mask;
  if (!receive_.RequestInterrupt()) WaitForInterrupt();
  receive_.SuppressInterrupts();
}

void NetDevice::WaitForRoom() {
  if (send_.in_flight() == 0) return;
  const InterruptMask mask;
  // Half: few interrupts, and the device does not run dry before its driver is awake.
  const auto half = static_cast<uint16_t>((send_.in_flight() + 1) / 2);
  if (!send_.RequestInterrupt(half)) WaitForInterrupt();
  send_.SuppressInterrupts();
}

void NetDevice::OnInterrupt() {
  device_.AcknowledgeInterrupt();
  ++interrupts_;
}

}  // namespace mayfly::guest
