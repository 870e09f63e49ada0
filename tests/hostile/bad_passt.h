#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_fd.h"
#include "base/owned_fd.h"
#include "tests/hostile/peer.h"
#include "virtio/net/mac_address.h"

namespace mayfly::hostile {

// The other end of the socket that passt would have: speaks as passt does, until the guest asks for
// mischief.
class BadPasst final : public Peer {
  class Passkey {
    friend class BadPasst;
    Passkey() = default;
  };

 public:
  enum class Mischief {
    kNone,
    kLengthOfNothing,  // frames that say they have this length, and have none:
    kLengthTooShort,
    kLengthTooLong,
    kLengthOfAllOnes,
    kEnd,  // hangs up: now,
    kEndLater,
    kEndInALength,
    kEndInAFrame,
    kHalfAFrame,  // of which the rest comes with the next echo
    kByteByByte,  // from now on
    kFlood,       // more frames than anybody takes
    kDeafness,    // reads nothing until MakeUp()
  };

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<BadPasst>> Create(
      const virtio::MacAddress& mac, Mischief mischief);
  BadPasst(Passkey, const virtio::MacAddress& mac, Mischief mischief, OwnedFd socket,
           OwnedFd guests_end, EventFd stop, EventFd make_up);
  ~BadPasst() override;

  void ConnectTo(vmm::NetConfig& net) override;
  void MakeUp() override;

 private:
  void Serve();
  // Takes the frames out of what has come.
  void Listen();
  void Answer(std::span<std::byte> frame);
  void MakeMischief();
  // Says it if nothing is left to be said: a network loses frames.
  void Say(std::span<const std::byte> frame);
  void SayLength(size_t length);
  void Append(std::span<const std::byte> bytes);
  void Flush();
  void HangUp();

  const Mischief mischief_;
  OwnedFd socket_;  // these are the thread's
  std::vector<std::byte> heard_;
  std::vector<std::byte> unsaid_;
  std::vector<std::byte> withheld_;
  bool listens_ = true;
  bool byte_by_byte_ = false;
  size_t to_flood_ = 0;       // frames
  size_t until_the_end_ = 0;  // frames; 0: no end is near
  OwnedFd guests_end_;        // until ConnectTo()
  const EventFd stop_;
  const EventFd make_up_;
  std::thread thread_;
};

}  // namespace mayfly::hostile
