#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "virtio/core/buffers.h"
#include "virtio/core/queue.h"
#include "virtio/net/filter/net_filter.h"
#include "virtio/net/filter/net_header_check.h"
#include "virtio/net/net_backend.h"
#include "virtio/net/net_counters.h"
#include "virtio/protocol/net_protocol.h"
#include "virtio/rate/rate_gate.h"

namespace mayfly::virtio {

// Sends what the driver puts in a queue pair's transmit queue (virtio 1.2, 5.1.6.2).
//
// The first bytes of every packet, all headers among them, are copied out of guest memory once; the
// copy is checked, and the copy is sent, before the rest, which goes from where it lies.
//
// Threading: the io thread.
class NetSender final {
 public:
  // What is there for all queue pairs of a device.
  struct Shared {
    NetBackend& backend;
    const NetHeaderCheck& check;
    NetFilter& filter;
    RateGate& gate;
    NetCounters& counters;
    std::function<void(std::string)> report;  // tells the host
  };
  // Why Run() has come to an end.
  enum class Turn {
    kEmpty,      // nothing is available
    kThrottled,  // the gate opens later
    kBlocked,    // the backend takes no more for now
    kBudget,     // enough for now
    kBroken,     // see failure()
  };
  NetSender(uint16_t pair, Queue& queue, const Shared& shared)
      : pair_(pair), queue_(queue), shared_(shared) {}

  // Sends as long as it can; takes the packets from `budget`. The caller publishes the queue
  // afterwards.
  [[nodiscard]] Turn Run(uint16_t& budget);

  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  // The packet's begin, as it is sent: one piece of memory.
  struct Head {
    NetHeader header;
    std::array<std::byte, NetFilter::kHeadBytes> frame;
  };

  // Takes the next packet, which then waits unless it is dropped. kBudget: go on.
  [[nodiscard]] Turn TakePacket(uint16_t& budget);
  // Copies the packet's begin and decides whether it is sent.
  [[nodiscard]] bool Examine();
  // Sends the packet that waits, or drops it. False: not now.
  [[nodiscard]] bool Send();
  void CountError(int error);
  // Tells that a packet was dropped, `count` of them for this reason.
  void Report(uint64_t count, std::string_view reason);
  // Gives the packet's chain back.
  void Finish();

  const uint16_t pair_;
  Queue& queue_;
  const Shared& shared_;

  // The packet that was taken last.
  Chain chain_;  // what is readable: behind the head
  Head head_;
  size_t head_bytes_ = 0;  // of head_.frame
  uint64_t frame_bytes_ = 0;
  bool waiting_ = false;
  bool paid_ = false;  // the gate let it pass
  std::vector<iovec> pieces_;

  std::string failure_;
};

}  // namespace mayfly::virtio
