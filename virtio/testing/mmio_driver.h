#pragma once

#include <cstdint>

#include "base/io_handler.h"
#include "virtio/core/queue.h"
#include "virtio/protocol/mmio_registers.h"

namespace mayfly::virtio {

// A driver's view of virtio-mmio registers: single accesses, and the whole initialisation in the
// order of virtio 1.2, 3.1.1.
class MmioDriver final {
 public:
  explicit MmioDriver(IoHandler& device) : device_(device) {}

  [[nodiscard]] uint32_t Read(MmioRegister reg) const;
  void Write(MmioRegister reg, uint32_t value) const;
  // Adds to the status. Returns what the device made of it.
  uint32_t AddStatus(uint32_t bits) const;
  void Reset() const { Write(MmioRegister::kStatus, 0); }

  [[nodiscard]] uint64_t OfferedFeatures() const;
  void AcceptFeatures(uint64_t features) const;
  // Up to FEATURES_OK. Returns the status.
  uint32_t Negotiate(uint64_t features) const;
  void SetUpQueue(uint16_t queue, const QueueLayout& layout) const;
  // All of it, with one queue. Returns the status.
  uint32_t Start(uint64_t features, const QueueLayout& layout) const;

 private:
  IoHandler& device_;
};

}  // namespace mayfly::virtio
