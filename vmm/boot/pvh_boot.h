#pragma once

#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "vmm/boot/boot_params.h"

namespace mayfly::vmm {

// Writes the start info of the PVH boot ABI (xen/include/public/arch-x86/hvm/start_info.h, version
// 1) with its module list and memory map, for a kernel that is entered at `entry`.
[[nodiscard]] absl::StatusOr<BootEntry> PreparePvhBoot(const GuestMemory& memory,
                                                       const BootParams& params, uint32_t entry);

}  // namespace mayfly::vmm
