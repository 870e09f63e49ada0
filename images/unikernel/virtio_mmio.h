#pragma once

#include <cstdint>
#include <vector>

#include "images/unikernel/interrupts.h"

namespace mayfly::guest {

class Virtqueue;

enum class VirtioDeviceId : uint32_t { kNone = 0, kNet = 1, kBlock = 2 };

// A virtio device behind registers in memory (virtio 1.2, 4.2.2), version 2. Boot CPU only.
class VirtioMmio final {
 public:
  // The devices that `virtio_mmio.device=SIZE@ADDRESS:LINE` words of the command line name, in
  // their order. Words that cannot be read, and registers that are no version 2 device's, are left
  // out.
  [[nodiscard]] static std::vector<VirtioMmio> FindAll(VirtioDeviceId id);

  // Resets the device and offers it those of `wanted` that it has, and VIRTIO_F_VERSION_1. False if
  // it refuses.
  [[nodiscard]] bool Negotiate(uint64_t wanted);
  [[nodiscard]] uint64_t features() const { return features_; }

  // How many buffers queue `index` can hold at most; 0 if it does not exist.
  [[nodiscard]] uint32_t QueueLimit(uint32_t index) const;
  void EnableQueue(uint32_t index, const Virtqueue& queue) const;
  // After this the device is alive.
  void SetDriverOk() const;

  void Notify(uint32_t queue) const;
  // Has `handler` run, with interrupts, when the device has used a buffer or changed its
  // configuration.
  void HandleInterrupts(InterruptHandler handler, void* context) const;
  // To be called by that handler first of all.
  void AcknowledgeInterrupt() const;

  // Reads a field of the device's configuration, in one piece and whole.
  [[nodiscard]] uint8_t ReadConfig8(uint64_t offset) const;
  [[nodiscard]] uint32_t ReadConfig32(uint64_t offset) const;
  [[nodiscard]] uint64_t ReadConfig64(uint64_t offset) const;

  [[nodiscard]] uint64_t address() const { return base_; }
  [[nodiscard]] unsigned gsi() const { return gsi_; }

 private:
  enum class Register : uint64_t;

  VirtioMmio(uint64_t base, unsigned gsi) : base_(base), gsi_(gsi) {}
  [[nodiscard]] uint32_t Read(Register which) const;
  void Write(Register which, uint32_t value) const;
  void WriteAddress(Register low, const void* address) const;

  uint64_t base_;
  unsigned gsi_;
  uint64_t features_ = 0;
};

}  // namespace mayfly::guest
