#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

// What the loader says about the machine, whichever boot protocol it used.

namespace mayfly::guest {

// The values of the E820 map, which PVH uses as well.
enum class MemoryType : uint32_t { kRam = 1, kReserved = 2, kAcpi = 3, kAcpiNvs = 4 };

struct MemoryRange {
  uint64_t address = 0;  // bytes
  uint64_t size = 0;     // bytes
  MemoryType type = MemoryType::kReserved;

  [[nodiscard]] uint64_t end() const { return address + size; }
};

// As the loader gives it. Ranges beyond the first 128 are ignored.
[[nodiscard]] std::span<const MemoryRange> MemoryMap();

// RAM that holds something from before main(): the first MiB, this program, what the loader left.
[[nodiscard]] std::span<const MemoryRange> OccupiedMemory();

// The initial RAM disk, a file for the program's use; empty if there is none.
[[nodiscard]] std::span<const std::byte> Initrd();

// Physical address of the ACPI root pointer; 0 if the loader names none.
[[nodiscard]] uint64_t AcpiRootPointer();

// The kernel command line.
[[nodiscard]] std::string_view CommandLine();

}  // namespace mayfly::guest
