#pragma once

#include "base/timeline.h"
#include "vmm/devices/byte_registers.h"

namespace mayfly::vmm {

// Port 0x80, where a PC's firmware shows its progress: a guest says here how far its start has come
// (the values are those of Cloud Hypervisor's debug port). Other values are ignored: kernels also
// write to the port just to wait a little.
class BootMark final : public ByteRegisters {
 public:
  static constexpr uint64_t kSize = 1;
  static constexpr uint8_t kKernelEntered = 0x40;
  static constexpr uint8_t kUserspaceReached = 0x41;

  explicit BootMark(Timeline& timeline) : timeline_(timeline) {}

 private:
  [[nodiscard]] uint8_t ReadByte(uint64_t /*offset*/) override { return 0; }
  void WriteByte(uint64_t offset, uint8_t value) override;

  Timeline& timeline_;
};

}  // namespace mayfly::vmm
