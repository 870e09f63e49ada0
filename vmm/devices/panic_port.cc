#include "vmm/devices/panic_port.h"

namespace mayfly::vmm {

void PanicPort::WriteByte(uint64_t /*offset*/, uint8_t value) {
  if ((value & kPanicked) == 0) return;
  exits_.Exit({.reason = ExitReason::kGuestPanic,
               .detail = "the guest's kernel panicked; its console says why"});
}

}  // namespace mayfly::vmm
