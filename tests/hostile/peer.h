#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>

#include "virtio/net/mac_address.h"
#include "vmm/net_config.h"

namespace mayfly::hostile {

// Who is at the other end of a guest's network cable: looks at every frame that gets out, and sends
// back those that ask for it (Nic in guest/nic.h).
class Peer {
 public:
  // Frames that came out of the guest.
  struct Seen {
    uint64_t echoed = 0;
    uint64_t others = 0;   // good ones
    uint64_t escaped = 0;  // that no guest may send: of another sender, or of another type
    std::string first_escaped;
  };

  // `mac`: the guest's.
  explicit Peer(const virtio::MacAddress& mac) : mac_(mac) {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  virtual ~Peer() = default;

  // Gives the VMM its end of the cable: once.
  virtual void ConnectTo(vmm::NetConfig& net) = 0;
  // What is to be ready before the guest tries its card for the last time.
  virtual void MakeUp() {}
  [[nodiscard]] Seen seen() const;

 protected:
  // What a frame asks for.
  enum class Wish { kNothing, kEcho, kMischief };
  // Notes the frame. kEcho: it has become the answer.
  [[nodiscard]] Wish Look(std::span<std::byte> frame);

 private:
  const virtio::MacAddress mac_;
  mutable std::mutex mutex_;
  Seen seen_;  // guarded by mutex_
};

}  // namespace mayfly::hostile
