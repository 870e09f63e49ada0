#include "vmm/cpu/boot_registers.h"

#include <array>

#include "base/status.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

// Control registers (Intel SDM 3A, 2.5) and EFER.
constexpr uint64_t kCr0ProtectionEnable = 1 << 0;
constexpr uint64_t kCr0ExtensionType = 1 << 4;
constexpr uint64_t kCr0Paging = uint64_t{1} << 31;
constexpr uint64_t kCr4PhysicalAddressExtension = 1 << 5;
constexpr uint64_t kEferLongModeEnable = 1 << 8;
constexpr uint64_t kEferLongModeActive = 1 << 10;
constexpr uint64_t kRflagsReserved = 1 << 1;  // always set; interrupts off

// Segment types (SDM 3A, 3.4.5.1 and 3.5).
constexpr uint8_t kTypeData = 0x3;      // read, write, accessed
constexpr uint8_t kTypeCode = 0xb;      // execute, read, accessed
constexpr uint8_t kTypeTaskBusy = 0xb;  // of a system segment: 32-bit or 64-bit TSS

// Selectors of boot.rst, 64-bit boot protocol: __BOOT_CS and __BOOT_DS. PVH leaves them open.
constexpr uint16_t kCodeSelector = 0x10;
constexpr uint16_t kDataSelector = 0x18;
constexpr uint16_t kTaskSelector = 0x20;

constexpr uint32_t kFlatLimit = 0xffffffff;
constexpr uint32_t kTaskLimit = 0x67;

kvm_segment CodeSegment(EntryMode mode) {
  kvm_segment segment{};
  segment.limit = kFlatLimit;
  segment.selector = kCodeSelector;
  segment.type = kTypeCode;
  segment.present = 1;
  segment.s = 1;
  segment.g = 1;
  segment.db = mode == EntryMode::kProtected32 ? 1 : 0;
  segment.l = mode == EntryMode::kLong64 ? 1 : 0;
  return segment;
}

kvm_segment DataSegment() {
  kvm_segment segment{};
  segment.limit = kFlatLimit;
  segment.selector = kDataSelector;
  segment.type = kTypeData;
  segment.present = 1;
  segment.s = 1;
  segment.g = 1;
  segment.db = 1;
  return segment;
}

kvm_segment TaskSegment() {
  kvm_segment segment{};
  segment.limit = kTaskLimit;
  segment.selector = kTaskSelector;
  segment.type = kTypeTaskBusy;
  segment.present = 1;
  return segment;
}

// Flat descriptors with the selectors above: null, unused, 64-bit code, data.
constexpr std::array<uint64_t, 4> kGdt = {0, 0, 0x00af'9b00'0000'ffff, 0x00cf'9300'0000'ffff};

// The local APIC at its usual address, enabled, on the bootstrap processor (SDM 3A, 11.4.4).
constexpr uint64_t kApicBase = layout::kLocalApic | 1 << 11 | 1 << 8;

kvm_sregs SystemRegisters(EntryMode mode) {
  kvm_sregs sregs{};
  sregs.cs = CodeSegment(mode);
  sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = DataSegment();
  sregs.tr = TaskSegment();
  sregs.ldt.unusable = 1;
  sregs.gdt.base = layout::kGdt;
  sregs.gdt.limit = sizeof kGdt - 1;
  sregs.apic_base = kApicBase;
  sregs.cr0 = kCr0ProtectionEnable | kCr0ExtensionType;
  if (mode == EntryMode::kLong64) {
    sregs.cr0 |= kCr0Paging;
    sregs.cr3 = layout::kPageTables;
    sregs.cr4 = kCr4PhysicalAddressExtension;
    sregs.efer = kEferLongModeEnable | kEferLongModeActive;
  }
  return sregs;
}

}  // namespace

absl::Status WriteBootGdt(const GuestMemory& memory) { return memory.Store(layout::kGdt, kGdt); }

absl::Status SetBootRegisters(const VcpuFd& vcpu, const BootEntry& entry) {
  MAYFLY_RETURN_IF_ERROR(vcpu.SetSregs(SystemRegisters(entry.mode)));
  kvm_regs regs{};
  regs.rflags = kRflagsReserved;
  regs.rip = entry.instruction;
  (entry.mode == EntryMode::kProtected32 ? regs.rbx : regs.rsi) = entry.argument;
  return vcpu.SetRegs(regs);
}

absl::Status SetBootMsrs(const VcpuFd& vcpu) {
  // IA32_MISC_ENABLE, fast strings: without it Linux takes REP MOVS for slow on Intel
  // (early_init_intel()).
  constexpr uint32_t kMiscEnable = 0x1a0;
  constexpr uint64_t kFastStrings = 1 << 0;
  constexpr uint64_t kNoBranchTrace = 1 << 11;  // as KVM has them at reset: neither is there
  constexpr uint64_t kNoEventSampling = 1 << 12;
  // IA32_MTRR_DEF_TYPE, MTRRs on, all memory write-back: as reset leaves it, all would be uncached
  // (SDM 3A, 12.11.2.1).
  constexpr uint32_t kMtrrDefaultType = 0x2ff;
  constexpr uint64_t kMtrrEnable = 1 << 11;
  constexpr uint64_t kWriteBack = 6;
  constexpr std::array kMsrs = {
      Msr{.index = kMiscEnable, .value = kFastStrings | kNoBranchTrace | kNoEventSampling},
      Msr{.index = kMtrrDefaultType, .value = kMtrrEnable | kWriteBack}};
  return vcpu.SetMsrs(kMsrs);
}

}  // namespace mayfly::vmm
