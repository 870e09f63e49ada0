#include "vmm/devices/boot_mark.h"

namespace mayfly::vmm {

void BootMark::WriteByte(uint64_t /*offset*/, uint8_t value) {
  if (value == kKernelEntered) timeline_.Record(TimelineStep::kKernelEntered);
  if (value == kUserspaceReached) timeline_.Record(TimelineStep::kUserspaceReached);
}

}  // namespace mayfly::vmm
