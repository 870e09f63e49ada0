#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "base/guest_memory.h"

namespace mayfly::vmm {

// Puts `size` bytes of `fd` from `offset` at `address`. The one place that decides how.
[[nodiscard]] absl::Status LoadImage(const GuestMemory& memory, uint64_t address, int fd,
                                     uint64_t offset, uint64_t size);

}  // namespace mayfly::vmm
