#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/owned_fd.h"
#include "virtio/net/net_backend.h"

namespace mayfly::virtio {

// A tap interface of the host (Documentation/networking/tuntap.rst), each queue a descriptor.
// Packets have the kernel's vnet header, which is a NetHeader, so that offloads reach from the
// guest's network stack to the host's.
//
// System calls once a guest runs: readv, write, writev, and ioctl with TUNSETOFFLOAD and
// TUNSETQUEUE, which take the host's lock on network configuration; besides, those of
// EventLoop::Watch().
class TapBackend final : public NetBackend {
  class Passkey {
    friend class TapBackend;
    Passkey() = default;
  };

 public:
  // `queues`: of one interface, as OpenTap() gives them. `io` outlives the backend. Errors:
  // InvalidArgument for what is no tap, has no vnet header or a packet information header, and for
  // several descriptors that are not queues of one interface.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TapBackend>> Create(
      std::vector<OwnedFd> queues, EventLoop& io);
  TapBackend(Passkey, std::vector<OwnedFd> queues, EventLoop& io, uint64_t offload_features);

  [[nodiscard]] uint16_t max_queue_pairs() const override { return queue_pairs_; }
  [[nodiscard]] uint64_t offload_features() const override { return offload_features_; }
  [[nodiscard]] absl::Status Start(uint64_t features, NetBackendEvents& events) override;
  [[nodiscard]] absl::Status SetQueuePairs(uint16_t pairs) override;
  [[nodiscard]] absl::Status SetGuestOffloads(uint64_t offloads) override;
  void PauseReceiving(uint16_t pair) override;
  [[nodiscard]] absl::Status ResumeReceiving(uint16_t pair) override;
  void Stop() override;
  [[nodiscard]] Result Send(uint16_t pair, std::span<iovec> packet) override;
  [[nodiscard]] Result Receive(uint16_t pair, std::span<iovec> room) override;
  void Close() override { queues_.clear(); }

 private:
  struct TapQueue {
    OwnedFd fd;
    bool attached = true;  // the kernel steers packets to it
    bool watched = false;
  };

  [[nodiscard]] static absl::Status Attach(TapQueue& queue, int ifreq_flag);

  EventLoop& io_;
  const uint16_t queue_pairs_;
  const uint64_t offload_features_;
  std::vector<TapQueue> queues_;
  uint16_t used_pairs_ = 0;
  NetBackendEvents* events_ = nullptr;  // from Start() to Stop()
};

}  // namespace mayfly::virtio
