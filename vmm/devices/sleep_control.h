#pragma once

#include "vmm/devices/byte_registers.h"
#include "vmm/exit_sink.h"

namespace mayfly::vmm {

// The sleep control and status registers of hardware-reduced ACPI (ACPI 6.5, 4.8.3.7). One state is
// offered, S5: off. Stateless, so thread-safe.
class SleepControl final : public ByteRegisters {
 public:
  static constexpr uint64_t kSize = 2;        // control, status
  static constexpr uint8_t kSleepTypeS5 = 5;  // what \_S5 of the DSDT says

  explicit SleepControl(ExitSink& exits) : exits_(exits) {}

 private:
  // Not woken from any sleep.
  [[nodiscard]] uint8_t ReadByte(uint64_t /*offset*/) override { return 0; }
  void WriteByte(uint64_t offset, uint8_t value) override;

  ExitSink& exits_;
};

}  // namespace mayfly::vmm
