#pragma once

#include <cstdint>

#include "images/unikernel/io.h"
#include "virtio/protocol/mmio_registers.h"

namespace mayfly::hostile {

// Where a queue's three areas are said to be, and its size: registers of a queue, whatever they
// hold.
struct QueuePlace {
  uint32_t size = 0;
  uint64_t descriptors = 0;
  uint64_t available = 0;
  uint64_t used = 0;
};

// The registers of one virtio-mmio device, with nothing between a program and them.
class Registers final {
 public:
  Registers() = default;
  explicit Registers(uint64_t address) : address_(address) {}

  [[nodiscard]] uint64_t address() const { return address_; }

  // Any offset, any width, aligned or not.
  template <typename T>
  [[nodiscard]] T ReadAt(uint64_t offset) const {
    return guest::ReadRegister<T>(address_ + offset);
  }
  template <typename T>
  void WriteAt(uint64_t offset, T value) const {
    guest::WriteRegister<T>(address_ + offset, value);
  }

  [[nodiscard]] uint32_t Read(virtio::MmioRegister reg) const {
    return ReadAt<uint32_t>(static_cast<uint64_t>(reg));
  }
  void Write(virtio::MmioRegister reg, uint32_t value) const {
    WriteAt<uint32_t>(static_cast<uint64_t>(reg), value);
  }

  [[nodiscard]] uint32_t status() const { return Read(virtio::MmioRegister::kStatus); }
  // Adds bits; returns what the device made of them.
  uint32_t AddStatus(uint32_t bits) const;
  void Reset() const { Write(virtio::MmioRegister::kStatus, 0); }
  void Kick(uint32_t queue) const { Write(virtio::MmioRegister::kQueueNotify, queue); }

  [[nodiscard]] uint64_t OfferedFeatures() const;
  void AcceptFeatures(uint64_t features) const;
  // Reset, and all steps up to FEATURES_OK (virtio 1.2, 3.1.1). Returns the status.
  uint32_t Negotiate(uint64_t features) const;
  [[nodiscard]] uint32_t QueueLimit(uint32_t queue) const;
  void SetUpQueue(uint32_t queue, const QueuePlace& place) const;
  [[nodiscard]] bool QueueReady(uint32_t queue) const;

 private:
  uint64_t address_ = 0;
};

}  // namespace mayfly::hostile
