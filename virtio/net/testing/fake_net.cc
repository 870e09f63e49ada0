#include "virtio/net/testing/fake_net.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mayfly::virtio {
namespace {

std::vector<std::byte> Join(std::span<const iovec> pieces) {
  std::vector<std::byte> bytes;
  for (const iovec& piece : pieces) {
    const auto* const begin = static_cast<const std::byte*>(piece.iov_base);
    bytes.insert(bytes.end(), begin, begin + piece.iov_len);
  }
  return bytes;
}

// Returns how many bytes there was room for.
uint64_t Scatter(std::span<const std::byte> bytes, std::span<const iovec> room) {
  uint64_t put = 0;
  for (const iovec& piece : room) {
    const size_t part = std::min(bytes.size(), piece.iov_len);
    if (part == 0) continue;
    std::memcpy(piece.iov_base, bytes.data(), part);
    bytes = bytes.subspan(part);
    put += part;
  }
  return put;
}

}  // namespace

void FakeNet::Wire::Poll() {
  for (uint16_t pair = 0; events != nullptr && pair < queue_pairs; ++pair) {
    const auto waits = [&] {
      return receive_error != 0 ||
             std::ranges::any_of(to_receive, [&](const auto& p) { return p.pair == pair; });
    };
    while (events != nullptr && !paused[pair] && waits()) events->OnReadable(pair);
  }
}

absl::Status FakeNet::Start(uint64_t features, NetBackendEvents& events) {
  if (!wire_->start_status.ok()) return wire_->start_status;
  wire_->events = &events;
  wire_->features = features;
  wire_->guest_offloads = features & kNetGuestOffloads;
  wire_->queue_pairs = 1;
  wire_->paused.assign(wire_->max_queue_pairs, false);
  return absl::OkStatus();
}

absl::Status FakeNet::SetQueuePairs(uint16_t pairs) {
  wire_->queue_pairs_wanted.push_back(pairs);
  if (!wire_->queue_pairs_status.ok()) return wire_->queue_pairs_status;
  for (uint16_t pair = wire_->queue_pairs; pair < pairs; ++pair) wire_->paused[pair] = false;
  wire_->queue_pairs = pairs;
  return absl::OkStatus();
}

absl::Status FakeNet::SetGuestOffloads(uint64_t offloads) {
  wire_->guest_offloads = offloads;
  return absl::OkStatus();
}

absl::Status FakeNet::ResumeReceiving(uint16_t pair) {
  wire_->paused[pair] = false;
  return absl::OkStatus();
}

NetBackend::Result FakeNet::Send(uint16_t pair, std::span<iovec> packet) {
  if (wire_->send_error != 0) return {.error = wire_->send_error};
  const std::vector<std::byte> bytes = Join(packet);
  FakePacket sent;
  sent.pair = pair;
  std::memcpy(&sent.header, bytes.data(), kNetHeaderSize);
  sent.frame.assign(bytes.begin() + kNetHeaderSize, bytes.end());
  wire_->sent.push_back(std::move(sent));
  if (wire_->on_send) wire_->on_send();
  return {};
}

NetBackend::Result FakeNet::Receive(uint16_t pair, std::span<iovec> room) {
  ++wire_->reads;
  wire_->most_pieces = std::max(wire_->most_pieces, room.size());
  if (wire_->receive_error != 0) return {.error = wire_->receive_error};
  const auto packet =
      std::ranges::find_if(wire_->to_receive, [pair](const auto& p) { return p.pair == pair; });
  if (packet == wire_->to_receive.end()) return {.error = EAGAIN};
  const uint64_t header = Scatter(std::as_bytes(std::span(&packet->header, 1)), room.first(1));
  const uint64_t frame = Scatter(packet->frame, room.subspan(1));
  wire_->to_receive.erase(packet);
  return {.error = 0, .bytes = header + frame};
}

}  // namespace mayfly::virtio
