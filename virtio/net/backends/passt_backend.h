#pragma once

#include <sys/types.h>

#include <array>
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

// The network as passt(1) makes it from a user's own sockets: a stream socket on which each frame,
// without a NetHeader, follows its length in four bytes, most significant first (QEMU's "-netdev
// stream" speaks the same). passt does what offloads would be for: none are offered.
//
// The stream has no marks to find a frame's begin again: it is read and written to the last byte,
// across Stop() and Start() as well, and a length that no frame has ends the link.
//
// A packet to an address that means the host itself (0.0.0.0/8, 127.0.0.0/8, ::/96,
// ::ffff:0:0/96) is refused: passt would connect there.
//
// System calls once a guest runs: sendmsg, send, recvmsg and recv; besides, those of
// EventLoop::Watch().
class PasstBackend final : public NetBackend {
  class Passkey {
    friend class PasstBackend;
    Passkey() = default;
  };

 public:
  // `socket`: connected. `io` outlives the backend. Errors: InvalidArgument for what is no stream
  // socket.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<PasstBackend>> Create(OwnedFd socket,
                                                                            EventLoop& io);
  PasstBackend(Passkey, OwnedFd socket, OwnedFd writability, EventLoop& io);
  ~PasstBackend() override;

  [[nodiscard]] uint16_t max_queue_pairs() const override { return 1; }
  [[nodiscard]] uint64_t offload_features() const override { return 0; }
  // Errors: Unavailable where passt has ended.
  [[nodiscard]] absl::Status Start(uint64_t features, NetBackendEvents& events) override;
  [[nodiscard]] absl::Status SetQueuePairs(uint16_t /*pairs*/) override { return absl::OkStatus(); }
  [[nodiscard]] absl::Status SetGuestOffloads(uint64_t /*offloads*/) override {
    return absl::OkStatus();
  }
  void PauseReceiving(uint16_t pair) override;
  [[nodiscard]] absl::Status ResumeReceiving(uint16_t pair) override;
  void Stop() override;
  // The first piece holds the frame's Ethernet header and IP addresses, too, where nobody changes
  // them. EHOSTUNREACH: to the host itself, or cut off.
  [[nodiscard]] Result Send(uint16_t pair, std::span<iovec> packet) override;
  // ECONNRESET: passt has ended; EPROTO: what came is no frame. Both for ever.
  [[nodiscard]] Result Receive(uint16_t pair, std::span<iovec> room) override;
  void Close() override;

 private:
  static constexpr size_t kLengthSize = 4;

  [[nodiscard]] absl::Status WatchWritability();
  void UnwatchWritability();
  void OnSocketWritable();
  // Sends what is left of a frame that was begun. 0, EAGAIN or what ended the link.
  [[nodiscard]] int Flush();

  // Reads the next frame's length, as far as it is not known. 0, EAGAIN or what ended the link.
  [[nodiscard]] int ReadLength();
  // Reads the frame into `room`, as much as there is of it; likewise.
  [[nodiscard]] int ReadFrame(std::span<const iovec> room);
  // Reads more of a frame whose begin has come before; likewise.
  [[nodiscard]] int ReadRest();
  // What is returned for `received` of recvmsg(2), where nothing was.
  [[nodiscard]] static int WhyNothing(ssize_t received);
  // Ends the link. Whoever watches the socket is told of it by Receive().
  [[nodiscard]] Result Lose(int error);

  OwnedFd socket_;
  // An epoll instance that is readable while the socket is writable: a loop watches a descriptor
  // for reading, and once.
  OwnedFd writability_;
  EventLoop& io_;
  NetBackendEvents* events_ = nullptr;  // from Start() to Stop()
  bool watching_readability_ = false;
  bool watching_writability_ = false;
  int lost_ = 0;  // what ended the link

  std::vector<iovec> pieces_;
  std::vector<std::byte> unsent_;  // of a frame that was begun

  std::array<std::byte, kLengthSize> length_bytes_{};  // the next frame's,
  size_t length_read_ = 0;                             // so far
  size_t length_ = 0;                                  // the number, once all of it is read
  std::vector<std::byte> begun_;                       // a frame that came in parts,
  size_t begun_read_ = 0;                              // so far
};

}  // namespace mayfly::virtio
