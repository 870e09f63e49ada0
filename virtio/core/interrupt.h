#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

namespace mayfly::virtio {

// The interrupt of a virtio-mmio device: the InterruptStatus register, and the line to the guest's
// interrupt controller. Thread-safe once it is connected.
class Interrupt final {
 public:
  // Makes an edge at the interrupt controller; for any thread.
  using Line = std::function<void()>;

  // Before it is connected, edges are lost.
  void Connect(Line line) { line_ = std::move(line); }

  // Sets bits of the status, then interrupts. An edge for every call, even where the bits were set
  // already: a driver may look for work before it acknowledges, and would miss what came in
  // between.
  void Raise(uint32_t bits) {
    status_.fetch_or(bits, std::memory_order_release);
    if (line_) line_();
  }
  void Acknowledge(uint32_t bits) { status_.fetch_and(~bits, std::memory_order_acq_rel); }
  [[nodiscard]] uint32_t status() const { return status_.load(std::memory_order_acquire); }

 private:
  Line line_;
  std::atomic<uint32_t> status_ = 0;
};

}  // namespace mayfly::virtio
