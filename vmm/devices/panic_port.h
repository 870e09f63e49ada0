#pragma once

#include "vmm/devices/byte_registers.h"
#include "vmm/exit_sink.h"

namespace mayfly::vmm {

// The port of a pvpanic device (docs/specs/pvpanic.rst of QEMU): reads say which events the host
// understands, a write says which has happened. Stateless, so thread-safe.
class PanicPort final : public ByteRegisters {
 public:
  static constexpr uint64_t kSize = 1;
  static constexpr uint8_t kPanicked = 1 << 0;

  explicit PanicPort(ExitSink& exits) : exits_(exits) {}

 private:
  [[nodiscard]] uint8_t ReadByte(uint64_t /*offset*/) override { return kPanicked; }
  void WriteByte(uint64_t offset, uint8_t value) override;

  ExitSink& exits_;
};

}  // namespace mayfly::vmm
