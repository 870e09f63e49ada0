#include "images/unikernel/memory.h"

#include <array>
#include <cstddef>
#include <new>

#include "images/unikernel/layout.h"
#include "images/unikernel/power.h"
#include "images/unikernel/ring_0.h"

namespace {

constexpr size_t kEntries = 512;
constexpr uint64_t kTableBytes = 4096;
constexpr uint64_t kCodePagesEnd = 1 << 20;
constexpr unsigned kGigabyteShift = 30;
constexpr unsigned kLargePageShift = 21;

using PageTable = std::array<uint64_t, kEntries>;

}  // namespace

extern "C" {
extern PageTable directory_pointers;  // entry.S
extern PageTable first_table;         // entry.S
}

namespace mayfly::guest {

void MapMemory(uint64_t address, uint64_t size, MemoryUse use) {
  if (size == 0) return;
  const uint64_t access =
      use == MemoryUse::kCode ? MAYFLY_PAGE_CODE : MAYFLY_PAGE_DATA | MAYFLY_PAGE_NO_EXECUTE;
  const uint64_t last = (address + (size - 1)) >> kGigabyteShift;
  if (address + (size - 1) < address || last >= kEntries)
    Panic("guest panic: cannot map memory beyond 512 GiB");
  for (uint64_t gigabyte = address >> kGigabyteShift; gigabyte <= last; ++gigabyte) {
    if (directory_pointers[gigabyte] != 0) continue;
    // Complete before it is linked: a hypervisor with shadow page tables traps each write to a
    // table in use.
    auto* directory = new (std::align_val_t{kTableBytes}) PageTable;
    uint64_t page = gigabyte << kGigabyteShift;
    for (uint64_t& entry : *directory) {
      entry = page | access | MAYFLY_PAGE_LARGE;
      page += uint64_t{1} << kLargePageShift;
    }
    directory_pointers[gigabyte] = reinterpret_cast<uint64_t>(directory) | MAYFLY_PAGE_TABLE;
  }
}

void MapPageZero() { first_table[0] = MAYFLY_PAGE_DATA | MAYFLY_PAGE_NO_EXECUTE; }

void ProtectCodePage(uint64_t address) {
  if (address >= kCodePagesEnd || address % kTableBytes != 0)
    Panic("guest panic: not a page below 1 MiB");
  first_table[address / kTableBytes] = address | MAYFLY_PAGE_CODE;
  Ring0FlushMappings();
}

}  // namespace mayfly::guest
