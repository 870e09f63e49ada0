#include "vmm/boot/pvh_boot.h"

#include "base/status.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

constexpr uint32_t kStartMagic = 0x336ec578;
// The first version with a memory map.
constexpr uint32_t kStartVersion = 1;

struct StartInfo {
  uint32_t magic = kStartMagic;
  uint32_t version = kStartVersion;
  uint32_t flags = 0;
  uint32_t module_count = 0;
  uint64_t module_list = 0;
  uint64_t command_line = 0;
  uint64_t rsdp = 0;
  uint64_t memory_map = 0;
  uint32_t memory_map_entries = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(StartInfo) == 56);

struct Module {
  uint64_t address = 0;
  uint64_t size = 0;
  uint64_t command_line = 0;
  uint64_t reserved = 0;
};
static_assert(sizeof(Module) == 32);

struct MapEntry {
  uint64_t address = 0;
  uint64_t size = 0;
  uint32_t kind = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(MapEntry) == 24);

}  // namespace

absl::StatusOr<BootEntry> PreparePvhBoot(const GuestMemory& memory, const BootParams& params,
                                         uint32_t entry) {
  // Start info, the one module and the map stand one behind the other.
  constexpr uint64_t kModuleList = layout::kPvhStartInfo + sizeof(StartInfo);
  constexpr uint64_t kMap = kModuleList + sizeof(Module);

  StartInfo info;
  info.command_line = params.command_line.address;
  info.rsdp = params.rsdp;
  if (params.initrd) {
    info.module_count = 1;
    info.module_list = kModuleList;
    MAYFLY_RETURN_IF_ERROR(memory.Store(
        kModuleList, Module{.address = params.initrd->address, .size = params.initrd->size}));
  }
  info.memory_map = kMap;
  for (const MemoryMapEntry& range : params.memory_map) {
    const uint64_t at = kMap + info.memory_map_entries * sizeof(MapEntry);
    MAYFLY_RETURN_IF_ERROR(memory.Store(at, MapEntry{.address = range.range.address,
                                                     .size = range.range.size,
                                                     .kind = static_cast<uint32_t>(range.kind)}));
    ++info.memory_map_entries;
  }
  MAYFLY_RETURN_IF_ERROR(memory.Store(layout::kPvhStartInfo, info));
  return BootEntry{
      .mode = EntryMode::kProtected32, .instruction = entry, .argument = layout::kPvhStartInfo};
}

}  // namespace mayfly::vmm
