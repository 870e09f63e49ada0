#include "vmm/devices/i8042.h"

namespace mayfly::vmm {

void I8042::WriteByte(uint64_t /*offset*/, uint8_t value) {
  if (value != kPulseResetCommand) return;
  exits_.Exit({.reason = ExitReason::kReset, .detail = "the guest reset itself"});
}

}  // namespace mayfly::vmm
