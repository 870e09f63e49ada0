#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "virtio/core/buffers.h"
#include "virtio/core/queue.h"
#include "virtio/net/filter/net_header_check.h"
#include "virtio/net/net_backend.h"
#include "virtio/net/net_counters.h"
#include "virtio/protocol/net_protocol.h"
#include "virtio/rate/rate_gate.h"

namespace mayfly::virtio {

// Receives a queue pair's packets into the driver's buffers (virtio 1.2, 5.1.6.3, 5.1.6.4).
//
// A packet is read where the driver wants it, and behind that into memory of our own, the spill: so
// no packet is cut off where it is larger than was expected, and none is lost where the driver has
// too few buffers at the moment. How much room is gathered follows what came last: the kernel looks
// at every piece of it, which for a small packet would cost more than the packet.
//
// Threading: the io thread.
class NetReceiver final {
 public:
  // What is there for all queue pairs of a device.
  struct Shared {
    NetBackend& backend;
    NetHeaderCheck& check;
    RateGate& gate;
    NetCounters& counters;
  };
  // Why Run() has come to an end.
  enum class Turn {
    kDrained,    // no packet waits
    kNoBuffers,  // the driver has to make some available
    kThrottled,  // the gate opens later
    kBudget,     // enough for now
    kBroken,     // see failure()
    kLinkLost,   // see link_error()
  };
  // `features`: negotiated. `mtu`: of NetConfig, 0 where it does not say one.
  NetReceiver(uint16_t pair, Queue& queue, const Shared& shared, uint64_t features, uint16_t mtu);

  // Receives as long as it can; takes the packets from `budget`. The caller publishes the queue
  // afterwards.
  [[nodiscard]] Turn Run(uint16_t& budget);
  // Forgets a packet that waits for buffers or for the gate.
  void DropWaiting() { waiting_ = 0; }

  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] int link_error() const { return link_error_; }

 private:
  // Takes chains until they have `bytes` of room together, as far as there are any. False where one
  // is of no use, or the queue is broken.
  [[nodiscard]] bool Gather(uint64_t bytes);
  [[nodiscard]] bool TakeChain();
  // Describes room for a packet to the backend: header, chains with `wanted` bytes, spill.
  void DescribeRoom(uint64_t wanted);
  void DescribeChain(Chain& chain, size_t skip);
  // Reads the next packet; it then waits. kDrained where none did; kBudget: go on.
  [[nodiscard]] Turn ReadPacket(uint16_t& budget);
  // Gives the waiting packet to the driver. kBudget: go on.
  [[nodiscard]] Turn Deliver();
  // How many chains the waiting packet takes.
  [[nodiscard]] uint16_t CountChains();
  void CopySpill();
  [[nodiscard]] Turn Exhausted();
  void Drop(uint64_t& counter);

  // A queue's size is a power of two.
  [[nodiscard]] Chain& Held(size_t index) { return held_[(first_ + index) & (held_.size() - 1)]; }

  const uint16_t pair_;
  Queue& queue_;
  const Shared shared_;
  const bool mergeable_;
  const uint64_t ordinary_packet_;  // bytes, of one that is not segmented later

  // Chains that were popped and not used yet: a ring, as large as the queue.
  std::vector<Chain> held_;
  size_t first_ = 0;
  size_t count_ = 0;
  uint64_t room_ = 0;    // bytes of all of them
  uint64_t wanted_ = 0;  // room to gather for the next packet

  // The packet that was read last. Its bytes after the header are in the first chains, up to
  // `described_room_`, then in the spill.
  NetHeader header_;
  uint64_t waiting_ = 0;  // bytes, header included; 0: none waits
  bool paid_ = false;     // the gate let it pass
  uint64_t described_room_ = 0;
  size_t described_chains_ = 0;
  std::vector<iovec> pieces_;
  const std::unique_ptr<std::byte[]> spill_;

  std::string failure_;
  int link_error_ = 0;
};

}  // namespace mayfly::virtio
