#pragma once

#include <cerrno>
#include <cstdint>
#include <span>

#include "virtio/net/net_backend.h"

namespace mayfly::virtio {

// A cable that ends nowhere: what is sent is gone, and nothing comes.
class NullNet final : public NetBackend {
 public:
  explicit NullNet(uint16_t queue_pairs) : queue_pairs_(queue_pairs) {}

  [[nodiscard]] uint16_t max_queue_pairs() const override { return queue_pairs_; }
  // Nowhere, no checksum is missed.
  [[nodiscard]] uint64_t offload_features() const override { return kNetHostOffloads; }
  [[nodiscard]] absl::Status Start(uint64_t /*features*/, NetBackendEvents& /*events*/) override {
    return absl::OkStatus();
  }
  [[nodiscard]] absl::Status SetQueuePairs(uint16_t /*pairs*/) override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status SetGuestOffloads(uint64_t /*offloads*/) override {
    return absl::OkStatus();
  }
  void PauseReceiving(uint16_t /*pair*/) override {}
  [[nodiscard]] absl::Status ResumeReceiving(uint16_t /*pair*/) override {
    return absl::OkStatus();
  }
  void Stop() override {}
  [[nodiscard]] Result Send(uint16_t /*pair*/, std::span<iovec> /*packet*/) override { return {}; }
  [[nodiscard]] Result Receive(uint16_t /*pair*/, std::span<iovec> /*room*/) override {
    return {.error = EAGAIN};
  }
  void Close() override {}

 private:
  const uint16_t queue_pairs_;
};

}  // namespace mayfly::virtio
