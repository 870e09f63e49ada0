#pragma once

#include "vmm/devices/byte_registers.h"
#include "vmm/exit_sink.h"

namespace mayfly::vmm {

// Port 0xf4: a byte written ends the VM with that status. Stateless, so thread-safe.
class ExitPort final : public ByteRegisters {
 public:
  static constexpr uint64_t kSize = 1;

  explicit ExitPort(ExitSink& exits) : exits_(exits) {}

 private:
  [[nodiscard]] uint8_t ReadByte(uint64_t /*offset*/) override { return 0; }
  void WriteByte(uint64_t offset, uint8_t value) override;

  ExitSink& exits_;
};

}  // namespace mayfly::vmm
