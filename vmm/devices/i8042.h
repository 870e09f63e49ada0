#pragma once

#include "vmm/devices/byte_registers.h"
#include "vmm/exit_sink.h"

namespace mayfly::vmm {

// What is left of a PC's keyboard controller: the command port, for the command that pulses the
// CPU's reset line. There is no keyboard. Also the reset register of the FADT. Stateless, so
// thread-safe.
class I8042 final : public ByteRegisters {
 public:
  static constexpr uint64_t kSize = 1;
  static constexpr uint8_t kPulseResetCommand = 0xfe;

  explicit I8042(ExitSink& exits) : exits_(exits) {}

 private:
  // Nothing to read, and always ready for a command: a rebooting kernel waits for that.
  [[nodiscard]] uint8_t ReadByte(uint64_t /*offset*/) override { return 0; }
  void WriteByte(uint64_t offset, uint8_t value) override;

  ExitSink& exits_;
};

}  // namespace mayfly::vmm
