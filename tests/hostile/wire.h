#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_fd.h"
#include "base/owned_fd.h"
#include "virtio/net/mac_address.h"

namespace mayfly::hostile {

// The other end of a guest's network cable: a tap interface in a network namespace of its own, and
// somebody behind it who looks at every frame that gets out, and sends back those that ask for it
// (Nic in guest/nic.h).
class Wire final {
  class Passkey {
    friend class Wire;
    Passkey() = default;
  };

 public:
  // Frames that came out of the guest.
  struct Seen {
    uint64_t echoed = 0;
    uint64_t others = 0;   // good ones
    uint64_t escaped = 0;  // that no guest may send: of another sender, or of another type
    std::string first_escaped;
  };

  // `mac`: the guest's; `queue_pairs`: of the tap. The first time, moves this process to a network
  // namespace of its own. Errors: what the host refuses; nothing that a test can do about it.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Wire>> Create(const virtio::MacAddress& mac,
                                                                    uint16_t queue_pairs);
  Wire(Passkey, const virtio::MacAddress& mac, OwnedFd socket, EventFd stop);
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire();

  // The tap's queues, for the VMM: once.
  [[nodiscard]] std::vector<OwnedFd> TakeTap() { return std::move(tap_); }
  [[nodiscard]] Seen seen() const;

 private:
  void Serve();
  void Look(std::span<std::byte> frame);

  const virtio::MacAddress mac_;
  const OwnedFd socket_;
  const EventFd stop_;
  std::vector<OwnedFd> tap_;
  mutable std::mutex mutex_;
  Seen seen_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace mayfly::hostile
