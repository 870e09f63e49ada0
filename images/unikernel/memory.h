#pragma once

#include <cstdint>

// The address space: every address is its physical address. From the start the first GiB is mapped,
// of which the code is read-only and page 0 absent; the heap maps all other RAM when it is first
// used.

namespace mayfly::guest {

inline constexpr uint64_t kMappableEnd = uint64_t{512} << 30;  // bytes

enum class MemoryUse { kData, kCode };

// Makes RAM or device registers accessible, in units of 1 GiB; what is mapped already stays as it
// is. Boot CPU only. Panics beyond kMappableEnd.
void MapMemory(uint64_t address, uint64_t size, MemoryUse use = MemoryUse::kData);

// Makes page 0 accessible, so that null pointers are no longer caught.
void MapPageZero();

// Makes one page below 1 MiB executable and read-only.
void ProtectCodePage(uint64_t address);

}  // namespace mayfly::guest
