#pragma once

#include <cstddef>

#include "vmm/acpi/bytes.h"

namespace mayfly::vmm {

// The AML of the DSDT: the serial port, the panic port, the sleep state and `virtio_devices`
// virtio-mmio devices.
[[nodiscard]] Bytes DsdtTerms(size_t virtio_devices);

}  // namespace mayfly::vmm
