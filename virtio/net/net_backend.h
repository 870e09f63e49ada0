#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "virtio/protocol/net_protocol.h"

namespace mayfly::virtio {

// Who uses a NetBackend. Threading: on the io thread, between Start() and Stop(), and never from
// within a call of the backend's functions; all of these may be called from within.
class NetBackendEvents {
 public:
  NetBackendEvents() = default;
  NetBackendEvents(const NetBackendEvents&) = delete;
  NetBackendEvents& operator=(const NetBackendEvents&) = delete;

  // Packets may be there, or the link is lost: Receive() tells. Comes again as long as they are,
  // unless PauseReceiving() was called.
  virtual void OnReadable(uint16_t pair) = 0;
  // After Send() said EAGAIN: sending may work again.
  virtual void OnWritable(uint16_t pair) = 0;

 protected:
  ~NetBackendEvents() = default;
};

// Where a network device's packets go to and come from.
//
// A packet is a NetHeader (always kNetHeaderSize bytes, VERSION_1's form) and an Ethernet frame
// without its checksum.
//
// Threading: all on the io thread, but for the constant properties, which are for any.
class NetBackend {
 public:
  // Of one packet, either way.
  struct Result {
    int error = 0;       // 0 or an errno value; EAGAIN where it cannot be done now
    uint64_t bytes = 0;  // of the packet received, its NetHeader included
  };

  NetBackend() = default;
  NetBackend(const NetBackend&) = delete;
  NetBackend& operator=(const NetBackend&) = delete;
  virtual ~NetBackend() = default;

  // Queue pairs that can be had at most; constant.
  [[nodiscard]] virtual uint16_t max_queue_pairs() const = 0;
  // What the backend takes off a guest that sends, and what it can leave to a guest that receives:
  // bits of kNetHostOffloads and kNetGuestOffloads; constant.
  [[nodiscard]] virtual uint64_t offload_features() const = 0;

  // The driver is ready; `features` are those that it accepted, and its guest offloads are on. One
  // queue pair is in use. Errors: what the host refused; nothing then comes or goes.
  [[nodiscard]] virtual absl::Status Start(uint64_t features, NetBackendEvents& events) = 0;
  // Queue pairs in use from now on, from 1 to max_queue_pairs(): packets are received on these
  // only, and not paused on those that come new. Errors: what the host refused; those that are in
  // use now and were before still receive.
  [[nodiscard]] virtual absl::Status SetQueuePairs(uint16_t pairs) = 0;
  // The guest offloads in use from now on: bits of kNetGuestOffloads.
  [[nodiscard]] virtual absl::Status SetGuestOffloads(uint64_t offloads) = 0;
  // Asks for no more OnReadable() of a pair, whose guest has no room, or for it again. Receive()
  // works all the same. Repeating either does nothing. Errors: the host refused; nothing comes any
  // more.
  virtual void PauseReceiving(uint16_t pair) = 0;
  [[nodiscard]] virtual absl::Status ResumeReceiving(uint16_t pair) = 0;
  // No calls of the events after this returns, until the next Start().
  virtual void Stop() = 0;

  // Sends one packet, whole or not at all. Its first piece begins with the whole NetHeader. The
  // pieces, not the bytes, may be changed. Never blocks.
  [[nodiscard]] virtual Result Send(uint16_t pair, std::span<iovec> packet) = 0;
  // Receives one packet into `room`, whose first piece takes the NetHeader and nothing else; it
  // takes any frame. The pieces may be changed. Never blocks. Errors but EAGAIN: the link is lost,
  // nothing comes any more until Start() works again; OnReadable() may go on coming until Stop().
  [[nodiscard]] virtual Result Receive(uint16_t pair, std::span<iovec> room) = 0;

  // Gives up descriptors. Comes after Stop(), and nothing after it.
  virtual void Close() = 0;
};

}  // namespace mayfly::virtio
