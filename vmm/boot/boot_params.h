#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/guest_memory.h"
#include "vmm/memory_map.h"

namespace mayfly::vmm {

// What any boot protocol tells a kernel, each in its own form. All addresses are guest-physical.
struct BootParams {
  GuestRange command_line;  // with its terminating NUL
  std::optional<GuestRange> initrd;
  std::vector<MemoryMapEntry> memory_map;
  uint64_t rsdp = 0;
};

// The mode of the CPU at the kernel's first instruction.
enum class EntryMode {
  kProtected32,  // PVH: flat segments, no paging; the argument in EBX
  kLong64,       // Linux: identity-mapped; the argument in RSI
};

// How the first vCPU begins.
struct BootEntry {
  EntryMode mode = EntryMode::kProtected32;
  uint64_t instruction = 0;
  uint64_t argument = 0;  // the PVH start info, or Linux' boot_params
};

}  // namespace mayfly::vmm
