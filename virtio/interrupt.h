#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/event_fd.h"

namespace mayfly::virtio {

// The interrupt of a virtio-mmio device: the InterruptStatus register and an eventfd that KVM turns
// into an edge (irqfd). Thread-safe.
class Interrupt final {
 public:
  explicit Interrupt(EventFd event) : event_(std::move(event)) {}

  // Sets bits of the status, then interrupts. An edge for every call, even where the bits were set
  // already: a driver may look for work before it acknowledges, and would miss what came in
  // between.
  void Raise(uint32_t bits) {
    status_.fetch_or(bits, std::memory_order_release);
    event_.Signal();
  }
  void Acknowledge(uint32_t bits) { status_.fetch_and(~bits, std::memory_order_acq_rel); }
  [[nodiscard]] uint32_t status() const { return status_.load(std::memory_order_acquire); }
  [[nodiscard]] const EventFd& event() const { return event_; }

 private:
  EventFd event_;
  std::atomic<uint32_t> status_ = 0;
};

}  // namespace mayfly::virtio
