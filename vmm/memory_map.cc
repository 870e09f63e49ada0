#include "vmm/memory_map.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/checked.h"
#include "vmm/layout.h"

namespace mayfly::vmm {

absl::StatusOr<std::vector<GuestRange>> RamRanges(uint64_t bytes) {
  if (bytes < layout::kMinMemory) {
    return absl::InvalidArgumentError(absl::StrCat("memory of ", bytes,
                                                   " bytes is too little: a VM needs at least ",
                                                   layout::kMinMemory / layout::kMiB, " MiB"));
  }
  if (bytes > layout::kMaxMemory) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory of ", bytes / layout::kGiB, " GiB is more than a guest can address (",
                     layout::kMaxMemory / layout::kGiB, " GiB): ask for less"));
  }
  if (!IsAligned(bytes, kPageSize)) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory of ", bytes, " bytes is not a whole number of pages of ", kPageSize,
                     " bytes: round it to a multiple, such as ", AlignDown(bytes, kPageSize)));
  }
  const uint64_t low = std::min(bytes, layout::kHole);
  std::vector<GuestRange> ranges = {{.address = 0, .size = low}};
  if (bytes > low) ranges.push_back({.address = layout::kHoleEnd, .size = bytes - low});
  return ranges;
}

std::vector<MemoryMapEntry> MemoryMap(const GuestMemory& memory) {
  std::vector<MemoryMapEntry> map = {
      {.range = {.address = 0, .size = layout::kLowMemoryEnd}, .kind = MemoryKind::kRam},
      {.range = {.address = layout::kFirmwareTables,
                 .size = layout::kHighMemory - layout::kFirmwareTables},
       .kind = MemoryKind::kReserved},
  };
  for (const GuestMemory::Region& region : memory.regions()) {
    const uint64_t begin = std::max(region.range.address, layout::kHighMemory);
    const uint64_t end = region.range.address + region.range.size;
    map.push_back({.range = {.address = begin, .size = end - begin}, .kind = MemoryKind::kRam});
  }
  return map;
}

uint64_t LowRamEnd(const GuestMemory& memory) {
  const GuestRange& low = memory.regions().front().range;
  return low.address + low.size;
}

}  // namespace mayfly::vmm
