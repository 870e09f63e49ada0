#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/guest_memory.h"

// The guest-physical map. One place, so that no two parts can claim the same address.
//
//   0x0000'0000  real-mode vectors and BIOS data: left zero
//   0x0000'0500  our boot structures
//   0x0009'fc00  where an EBDA would be; reserved, because kernels look for tables here
//   0x000a'0000  the VGA hole of a PC: RAM behind it, but told to nobody
//   0x000e'0000  ACPI tables, MP table (where kernels without a hint scan for them), reserved
//   0x0010'0000  RAM for the kernel, up to 3 GiB
//   0xc000'0000  hole: virtio-mmio, IOAPIC, local APIC, KVM's own pages
//   0x1'0000'0000  the rest of RAM
namespace mayfly::vmm::layout {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;

// --- RAM.
// Less leaves no room for a kernel above kHighMemory and its boot structures below.
inline constexpr uint64_t kMinMemory = 8 * kMiB;
// A kernel's identity map is simplest with RAM that ends at a GiB; 1 GiB of hole is what PCs have,
// too.
inline constexpr uint64_t kHole = 3 * kGiB;
inline constexpr uint64_t kHoleEnd = 4 * kGiB;
// 46 bits: what the smallest of today's server CPUs address, less what the hole moves up.
inline constexpr uint64_t kMaxMemory = (uint64_t{1} << 46) - kGiB;

// --- Boot structures in low memory. The zero page and the rest must be within the identity map;
// below 640 KiB nothing else wants the place, and kernels copy what they need before they use it
// for the trampolines of other CPUs.
inline constexpr uint64_t kGdt = 0x500;
inline constexpr uint64_t kPvhStartInfo = 0x6000;
inline constexpr uint64_t kZeroPage = 0x7000;
inline constexpr uint64_t kPageTables = 0x9000;  // 6 pages: PML4, PDPT, four page directories
inline constexpr uint64_t kCommandLine = 0x20000;
inline constexpr uint64_t kLowMemoryEnd = 0x9fc00;

// --- Firmware tables.
inline constexpr uint64_t kFirmwareTables = 0xe0000;
// The RSDP first: a scan finds it at its first look (ACPI 6.5, 5.2.5.1).
inline constexpr uint64_t kAcpi = 0xe0000;
inline constexpr uint64_t kAcpiSize = 64 * kKiB;
// MP 1.4, chapter 4: the BIOS ROM is a place that kernels scan.
inline constexpr uint64_t kMpTable = 0xf0000;
inline constexpr uint64_t kMpTableSize = 64 * kKiB;
inline constexpr uint64_t kHighMemory = 0x100000;

// --- Devices in the hole.
// 4 KiB apart, so that a guest can map each by itself, though the registers take 0x200 bytes.
inline constexpr uint64_t kVirtioMmio = 0xd000'0000;
inline constexpr uint64_t kVirtioMmioStride = 0x1000;
inline constexpr uint64_t kIoapic = 0xfec0'0000;
inline constexpr uint64_t kLocalApic = 0xfee0'0000;
// For Intel's real mode (api.rst, KVM_SET_IDENTITY_MAP_ADDR, KVM_SET_TSS_ADDR): one page, then
// three.
inline constexpr uint64_t kIdentityMap = 0xfeff'c000;
inline constexpr uint64_t kTss = 0xfeff'd000;

// --- Ports.
inline constexpr uint16_t kI8042Command = 0x64;
inline constexpr uint16_t kBootMark = 0x80;
inline constexpr uint16_t kExit = 0xf4;
inline constexpr uint16_t kSerial = 0x3f8;
inline constexpr uint16_t kPanic = 0x505;
inline constexpr uint16_t kSleepControl = 0x600;
inline constexpr uint16_t kSleepStatus = 0x601;

// --- Interrupts: global system interrupts, which are the IOAPIC's pins.
inline constexpr uint32_t kIoapicPins = 24;
inline constexpr uint32_t kSerialGsi = 4;
inline constexpr uint32_t kPowerButtonGsi = 3;
// Those above the ISA range first: no kernel has opinions about them. Then what a PC without a
// timer, keyboard, floppy disk or clock leaves free of the rest.
inline constexpr std::array<uint32_t, 19> kVirtioGsis = {16, 17, 18, 19, 20, 21, 22, 23, 5, 6,
                                                         7,  8,  9,  10, 11, 12, 13, 14, 15};
inline constexpr size_t kMaxVirtioDevices = kVirtioGsis.size();

}  // namespace mayfly::vmm::layout
