#pragma once

#include <cstdint>

#include "base/guest_memory.h"

namespace mayfly::virtio {

// A guest's memory map in small: two regions of RAM with a hole between, which is where a device's
// registers would be.
inline constexpr GuestRange kLowRam = {.address = 0, .size = uint64_t{1} << 20};
inline constexpr uint64_t kHole = kLowRam.address + kLowRam.size;
inline constexpr GuestRange kHighRam = {.address = uint64_t{4} << 20, .size = uint64_t{1} << 20};
inline constexpr uint64_t kRamEnd = kHighRam.address + kHighRam.size;

// Ends the process where the host has no memory for it.
[[nodiscard]] GuestMemory MakeGuestRam();

}  // namespace mayfly::virtio
