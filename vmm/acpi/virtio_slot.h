#pragma once

#include <cstddef>
#include <cstdint>

#include "vmm/layout.h"

namespace mayfly::vmm {

// Where a virtio-mmio device is: what ACPI, the command line and KVM are told.
struct VirtioSlot {
  uint64_t address = 0;  // layout::kVirtioMmioStride bytes
  uint32_t gsi = 0;
};

// The place of device `index`, which is less than layout::kMaxVirtioDevices.
[[nodiscard]] constexpr VirtioSlot SlotOf(size_t index) {
  return {.address = layout::kVirtioMmio + index * layout::kVirtioMmioStride,
          .gsi = layout::kVirtioGsis.at(index)};
}

}  // namespace mayfly::vmm
