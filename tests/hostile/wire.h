#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_fd.h"
#include "base/owned_fd.h"
#include "tests/hostile/peer.h"
#include "virtio/net/mac_address.h"

namespace mayfly::hostile {

// A tap interface in a network namespace of its own, and somebody behind it.
class Wire final : public Peer {
  class Passkey {
    friend class Wire;
    Passkey() = default;
  };

 public:
  // `mac`: the guest's; `queue_pairs`: of the tap. The first time, moves this process to a network
  // namespace of its own. Errors: what the host refuses; nothing that a test can do about it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Wire>> Create(const virtio::MacAddress& mac,
                                                                    uint16_t queue_pairs);
  Wire(Passkey, const virtio::MacAddress& mac, OwnedFd socket, EventFd stop);
  ~Wire() override;

  void ConnectTo(vmm::NetConfig& net) override;

 private:
  void Serve();

  const OwnedFd socket_;
  const EventFd stop_;
  std::vector<OwnedFd> tap_;
  std::thread thread_;
};

}  // namespace mayfly::hostile
