#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "vmm/acpi/bytes.h"

namespace mayfly::vmm {

// The tables of a hardware-reduced ACPI platform (ACPI 6.5, chapters 4.1 and 5) for `cpus` CPUs and
// `virtio_devices` virtio-mmio devices, one behind the other from `address` on, the RSDP first.
[[nodiscard]] Bytes BuildAcpiTables(uint64_t address, unsigned cpus, size_t virtio_devices);

// Puts them into guest memory; answers the address of the RSDP.
[[nodiscard]] absl::StatusOr<uint64_t> WriteAcpiTables(const GuestMemory& memory, unsigned cpus,
                                                       size_t virtio_devices);

}  // namespace mayfly::vmm
