#pragma once

#include <atomic>

namespace mayfly::guest {

// Mutual exclusion between CPUs; for std::lock_guard. Not between a program and its interrupt
// handlers: see InterruptMask.
class SpinLock final {
 public:
  void lock() {
    while (taken_.test_and_set(std::memory_order_acquire)) {
      while (taken_.test(std::memory_order_relaxed)) asm volatile("pause");
    }
  }
  void unlock() { taken_.clear(std::memory_order_release); }

 private:
  std::atomic_flag taken_;
};

}  // namespace mayfly::guest
