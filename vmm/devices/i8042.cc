#include "vmm/devices/i8042.h"

#include "vmm/layout.h"

namespace mayfly::vmm {

void I8042::WriteByte(uint64_t offset, uint8_t value) {
  if (layout::kI8042Data + offset == layout::kI8042Command && value == kPulseResetCommand) {
    exits_.Exit({.reason = ExitReason::kReset, .detail = "the guest reset itself"});
  }
}

}  // namespace mayfly::vmm
