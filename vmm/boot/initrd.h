#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "vmm/boot/image_file.h"

namespace mayfly::vmm {

// Loads an initrd as high in [floor, ceiling) as it goes: out of the way of the kernel, which ends
// at `floor` now but grows upwards while it unpacks and starts. Errors: InvalidArgument with the
// remedy.
[[nodiscard]] absl::StatusOr<GuestRange> LoadInitrd(const ImageFile& file,
                                                    const GuestMemory& memory, uint64_t floor,
                                                    uint64_t ceiling);

}  // namespace mayfly::vmm
