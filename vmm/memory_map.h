#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/guest_memory.h"

namespace mayfly::vmm {

// What a range of guest-physical addresses is, in the encoding that e820 and the PVH memory map
// share (ACPI 6.5, table 15.4).
enum class MemoryKind : uint32_t { kRam = 1, kReserved = 2 };

struct MemoryMapEntry {
  GuestRange range;
  MemoryKind kind = MemoryKind::kRam;
  friend bool operator==(const MemoryMapEntry&, const MemoryMapEntry&) = default;
};

// RAM of `bytes`, split around the hole. Errors: InvalidArgument (what is wrong with the number).
[[nodiscard]] absl::StatusOr<std::vector<GuestRange>> RamRanges(uint64_t bytes);

// What the guest is told about `memory` at boot: ascending, not overlapping.
[[nodiscard]] std::vector<MemoryMapEntry> MemoryMap(const GuestMemory& memory);

// The end of the RAM below the hole, in which kernel and initrd must lie.
[[nodiscard]] uint64_t LowRamEnd(const GuestMemory& memory);

}  // namespace mayfly::vmm
