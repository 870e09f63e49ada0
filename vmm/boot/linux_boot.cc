#include "vmm/boot/linux_boot.h"

#include <array>
#include <cstring>

#include "base/status.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

constexpr uint16_t kBootFlag = 0xaa55;
constexpr uint32_t kHeaderMagic = 0x53726448;  // "HdrS"
constexpr uint8_t kUnknownLoader = 0xff;       // boot.rst: a loader without an assigned number

constexpr size_t kEntriesPerTable = 512;
using PageTable = std::array<uint64_t, kEntriesPerTable>;
enum PageFlag : uint64_t { kPresent = 1 << 0, kWritable = 1 << 1, kLargePage = 1 << 7 };
constexpr uint64_t kTableFlags = kPresent | kWritable;
constexpr uint64_t kLargePageSize = 2 * layout::kMiB;
// The kernel, the zero page and the command line lie below the hole; 4 GiB leave nothing to think
// about.
constexpr uint64_t kDirectories = 4;

// 2 MiB pages: every 64-bit CPU has them.
absl::Status WriteIdentityMap(const GuestMemory& memory) {
  constexpr uint64_t kPml4 = layout::kPageTables;
  constexpr uint64_t kPdpt = kPml4 + kPageSize;
  constexpr uint64_t kFirstDirectory = kPdpt + kPageSize;

  MAYFLY_RETURN_IF_ERROR(memory.Store<uint64_t>(kPml4, kPdpt | kTableFlags));
  for (uint64_t directory = 0; directory < kDirectories; ++directory) {
    const uint64_t at = kFirstDirectory + directory * kPageSize;
    MAYFLY_RETURN_IF_ERROR(
        memory.Store<uint64_t>(kPdpt + directory * sizeof(uint64_t), at | kTableFlags));
    PageTable table;
    for (uint64_t i = 0; i < table.size(); ++i) {
      const uint64_t page = (directory * table.size() + i) * kLargePageSize;
      table[i] = page | kTableFlags | kLargePage;
    }
    MAYFLY_RETURN_IF_ERROR(memory.Store(at, table));
  }
  return absl::OkStatus();
}

void FillMemoryMap(const BootParams& params, boot_params& zero_page) {
  for (const MemoryMapEntry& range : params.memory_map) {
    if (zero_page.e820_entries == E820_MAX_ENTRIES_ZEROPAGE) return;
    boot_e820_entry& entry = zero_page.e820_table[zero_page.e820_entries++];
    entry.addr = range.range.address;
    entry.size = range.range.size;
    entry.type = static_cast<uint32_t>(range.kind);
  }
}

}  // namespace

setup_header DefaultSetupHeader() {
  setup_header header{};
  header.boot_flag = kBootFlag;
  header.header = kHeaderMagic;
  header.cmdline_size = kLinuxCommandLineLimit;
  header.kernel_alignment = static_cast<uint32_t>(kLargePageSize);
  return header;
}

absl::StatusOr<BootEntry> PrepareLinuxBoot(const GuestMemory& memory, const BootParams& params,
                                           const setup_header& header, uint64_t entry) {
  boot_params zero_page{};
  zero_page.hdr = header;
  zero_page.hdr.type_of_loader = kUnknownLoader;
  zero_page.hdr.cmd_line_ptr = static_cast<uint32_t>(params.command_line.address);
  if (params.initrd) {
    zero_page.hdr.ramdisk_image = static_cast<uint32_t>(params.initrd->address);
    zero_page.hdr.ramdisk_size = static_cast<uint32_t>(params.initrd->size);
  }
  zero_page.acpi_rsdp_addr = params.rsdp;
  FillMemoryMap(params, zero_page);
  MAYFLY_RETURN_IF_ERROR(memory.Store(layout::kZeroPage, zero_page));
  MAYFLY_RETURN_IF_ERROR(WriteIdentityMap(memory));
  return BootEntry{.mode = EntryMode::kLong64, .instruction = entry, .argument = layout::kZeroPage};
}

}  // namespace mayfly::vmm
