#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "virtio/net/net_backend.h"

namespace mayfly::virtio {

// A packet with its header taken off.
struct FakePacket {
  uint16_t pair = 0;
  NetHeader header;
  std::vector<std::byte> frame;
};

// A network that keeps what is sent and delivers what it is told to, for tests. What a test needs
// to see outlives the device that owns the backend: it is in a Wire.
class FakeNet final : public NetBackend {
 public:
  struct Wire {
    // What the backend is; set before the device is made.
    uint16_t max_queue_pairs = 1;
    uint64_t offload_features = kNetHostOffloads | kNetGuestOffloads;

    // What it does next: errno values; 0: works.
    int send_error = 0;
    int receive_error = 0;
    absl::Status start_status;
    absl::Status queue_pairs_status;

    std::deque<FakePacket> to_receive;  // by the guest

    std::function<void()> on_send;  // within Send(), where set

    // What was asked of it.
    std::vector<FakePacket> sent;
    NetBackendEvents* events = nullptr;  // while started
    uint64_t features = 0;
    uint64_t guest_offloads = 0;
    uint16_t queue_pairs = 0;
    std::vector<uint16_t> queue_pairs_wanted;  // in each call of SetQueuePairs()
    std::vector<bool> paused;                  // for each pair
    unsigned reads = 0;                        // calls of Receive()
    size_t most_pieces = 0;                    // that a call of Receive() had
    bool closed = false;

    // Calls OnReadable() as an event loop would: until nothing is there, or it is asked to stop.
    void Poll();
    // Adds a packet for queue pair 0.
    void Add(std::vector<std::byte> frame, const NetHeader& header = {}) {
      to_receive.push_back({.pair = 0, .header = header, .frame = std::move(frame)});
    }
  };

  explicit FakeNet(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}

  [[nodiscard]] uint16_t max_queue_pairs() const override { return wire_->max_queue_pairs; }
  [[nodiscard]] uint64_t offload_features() const override { return wire_->offload_features; }
  [[nodiscard]] absl::Status Start(uint64_t features, NetBackendEvents& events) override;
  [[nodiscard]] absl::Status SetQueuePairs(uint16_t pairs) override;
  [[nodiscard]] absl::Status SetGuestOffloads(uint64_t offloads) override;
  void PauseReceiving(uint16_t pair) override { wire_->paused[pair] = true; }
  [[nodiscard]] absl::Status ResumeReceiving(uint16_t pair) override;
  void Stop() override { wire_->events = nullptr; }
  [[nodiscard]] Result Send(uint16_t pair, std::span<iovec> packet) override;
  [[nodiscard]] Result Receive(uint16_t pair, std::span<iovec> room) override;
  void Close() override { wire_->closed = true; }

 private:
  const std::shared_ptr<Wire> wire_;
};

}  // namespace mayfly::virtio
