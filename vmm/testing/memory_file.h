#pragma once

#include <cstddef>
#include <span>

#include "base/owned_fd.h"

namespace mayfly::vmm::testing {

// A file with `content` that exists nowhere but in memory. Aborts where the host has no room for
// it.
[[nodiscard]] OwnedFd MemoryFile(std::span<const std::byte> content);

}  // namespace mayfly::vmm::testing
