#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "base/guest_memory.h"
#include "vmm/acpi/bytes.h"

namespace mayfly::vmm {

// The table of Intel's MultiProcessor Specification 1.4 for `cpus` CPUs, its floating pointer
// first: what a kernel without ACPI learns its CPUs and interrupts from.
[[nodiscard]] Bytes BuildMpTable(uint64_t address, unsigned cpus);

// Puts it into guest memory, where kernels scan for it.
[[nodiscard]] absl::Status WriteMpTable(const GuestMemory& memory, unsigned cpus);

}  // namespace mayfly::vmm
