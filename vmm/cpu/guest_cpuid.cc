#include "vmm/cpu/guest_cpuid.h"

#include <algorithm>
#include <array>
#include <bit>

#include "vmm/cpu/cpuid_bits.h"

namespace mayfly::vmm {
namespace {

using cpuid::Bit;

using Register = uint32_t kvm_cpuid_entry2::*;

struct Mask {
  uint32_t leaf;
  uint32_t subleaf;
  Register reg;
  uint32_t bits;  // to clear
};

// Instructions that a KVM without VMX and SVM cannot run in ring 0, where its emulator has to:
// CMPXCHG16B, and XSAVE with its kin. Without XSAVE there is no AVX, nor anything that keeps its
// state beside it, in any ring.
constexpr std::array kSoftwareKvmMasks = {
    Mask{cpuid::kFeatures, 0, &kvm_cpuid_entry2::ecx,
         cpuid::kCmpxchg16b | cpuid::kXsaveFeature | cpuid::kOsxsave | cpuid::kAvx | cpuid::kFma |
             cpuid::kF16c},
    // AVX2, MPX, AVX-512 F, DQ, IFMA, PF, ER, CD, BW, VL.
    Mask{cpuid::kExtendedFeatures, 0, &kvm_cpuid_entry2::ebx,
         Bit(5) | Bit(14) | Bit(16) | Bit(17) | Bit(21) | Bit(26) | Bit(27) | Bit(28) | Bit(30) |
             Bit(31)},
    // AVX-512 VBMI, PKU, OSPKE, VBMI2, VAES, VPCLMULQDQ, VNNI, BITALG, VPOPCNTDQ.
    Mask{cpuid::kExtendedFeatures, 0, &kvm_cpuid_entry2::ecx,
         Bit(1) | Bit(3) | Bit(4) | Bit(6) | Bit(9) | Bit(10) | Bit(11) | Bit(12) | Bit(14)},
    // AVX-512 4VNNIW, 4FMAPS, VP2INTERSECT, FP16; AMX BF16, TILE, INT8.
    Mask{cpuid::kExtendedFeatures, 0, &kvm_cpuid_entry2::edx,
         Bit(2) | Bit(3) | Bit(8) | Bit(22) | Bit(23) | Bit(24) | Bit(25)},
    // AVX VNNI, AVX-512 BF16, AMX FP16, AVX IFMA.
    Mask{cpuid::kExtendedFeatures, 1, &kvm_cpuid_entry2::eax, Bit(4) | Bit(5) | Bit(21) | Bit(23)},
    // AVX VNNI INT8, AVX NE CONVERT, AMX COMPLEX, AVX VNNI INT16, AVX10.
    Mask{cpuid::kExtendedFeatures, 1, &kvm_cpuid_entry2::edx,
         Bit(4) | Bit(5) | Bit(8) | Bit(10) | Bit(19)},
    // XOP, FMA4.
    Mask{cpuid::kAmdFeatures, 0, &kvm_cpuid_entry2::ecx, Bit(11) | Bit(16)},
};

// A field of a register, such as bits 25 to 14.
constexpr uint32_t WithField(uint32_t reg, unsigned high, unsigned low, uint32_t value) {
  const uint32_t mask = static_cast<uint32_t>((uint64_t{1} << (high + 1)) - (uint64_t{1} << low));
  return (reg & ~mask) | ((value << low) & mask);
}

// Leaf 1 and 4 count in powers of two, in 8 and 6 bits.
uint32_t RoundedCount(unsigned cpus, uint32_t most) {
  return std::min(std::bit_ceil(uint32_t{cpus}), most);
}

// Bits of an APIC ID that tell the cores of the package apart.
uint32_t ApicIdBits(unsigned cpus) { return static_cast<uint32_t>(std::bit_width(cpus - 1)); }

kvm_cpuid_entry2 TopologyLevel(uint32_t subleaf, uint32_t type, uint32_t shift, uint32_t count) {
  kvm_cpuid_entry2 entry{};
  entry.function = cpuid::kTopology;
  entry.index = subleaf;
  entry.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
  entry.eax = shift;
  entry.ebx = count;
  entry.ecx = WithField(subleaf, 15, 8, type);
  return entry;
}

}  // namespace

GuestCpuid::GuestCpuid(const CpuProfile& profile, const Options& options)
    : entries_(profile.supported) {
  if (profile.kind == KvmKind::kSoftware) FilterForSoftwareKvm();
  DescribeFeatures(options);
  DescribeTopology(options.cpus);
  if (options.tsc_khz != 0) DescribeFrequencies(options.tsc_khz);
}

void GuestCpuid::FilterForSoftwareKvm() {
  // Leaf 0xd, which describes XSAVE's area, stays, though it means nothing without XSAVE:
  // KVM_SET_CPUID2 is 30 microseconds slower without it.
  for (const Mask& mask : kSoftwareKvmMasks) {
    if (auto* const entry = Find(mask.leaf, mask.subleaf)) entry->*mask.reg &= ~mask.bits;
  }
}

void GuestCpuid::DescribeFeatures(const Options& options) {
  auto* const features = Find(cpuid::kFeatures);
  if (features == nullptr) return;
  features->ecx |= cpuid::kHypervisorPresent;
  if (options.tsc_deadline) features->ecx |= cpuid::kTscDeadline;
}

void GuestCpuid::DescribeTopology(unsigned cpus) {
  const bool several = cpus > 1;
  if (auto* const features = Find(cpuid::kFeatures)) {
    features->ebx = WithField(features->ebx, 23, 16, RoundedCount(cpus, 0xff));
    features->edx =
        several ? features->edx | cpuid::kHyperThreading : features->edx & ~cpuid::kHyperThreading;
  }
  for (kvm_cpuid_entry2& entry : entries_) {
    // A cache's own level of sharing: each core has its first and second level caches, all share
    // the rest.
    if (entry.function == cpuid::kCacheTopology || entry.function == cpuid::kAmdCacheTopology) {
      constexpr uint32_t kFirstShared = 3;
      const uint32_t level = (entry.eax >> 5) & 0x7;
      const uint32_t sharing = level >= kFirstShared ? RoundedCount(cpus, 1 << 12) : 1;
      entry.eax = WithField(entry.eax, 25, 14, sharing - 1);
    }
    if (entry.function == cpuid::kCacheTopology) {
      entry.eax = WithField(entry.eax, 31, 26, RoundedCount(cpus, 1 << 6) - 1);
    }
  }
  if (auto* const sizes = Find(cpuid::kAmdSizes)) {
    sizes->ecx = WithField(sizes->ecx, 7, 0, cpus - 1);
    sizes->ecx = WithField(sizes->ecx, 15, 12, ApicIdBits(cpus));
  }
  if (auto* const amd = Find(cpuid::kAmdFeatures); amd != nullptr && !IsIntel()) {
    amd->ecx = several ? amd->ecx | cpuid::kLegacyMultiCore : amd->ecx & ~cpuid::kLegacyMultiCore;
  }
  if (auto* const amd = Find(cpuid::kAmdTopology)) {
    amd->ebx = 0;  // one thread a core; the core's number is for ForCpu()
    amd->ecx = 0;  // one node
    amd->edx = 0;
  }
  // The host's own shape must not show through; what is missing reads as zero, and guests fall back
  // to leaf 0xb.
  Erase(cpuid::kTopologyV2);
  Erase(cpuid::kAmdTopologyV2);
  Erase(cpuid::kTopology);
  const auto* const vendor = Find(cpuid::kVendor);
  if (vendor == nullptr || vendor->eax < cpuid::kTopology) return;
  constexpr uint32_t kThreadLevel = 1;
  constexpr uint32_t kCoreLevel = 2;
  entries_.push_back(TopologyLevel(0, kThreadLevel, 0, 1));
  entries_.push_back(TopologyLevel(1, kCoreLevel, ApicIdBits(cpus), cpus));
}

void GuestCpuid::DescribeFrequencies(uint32_t tsc_khz) {
  // KVM's local APIC counts nanoseconds (APIC_BUS_CYCLE_NS in arch/x86/kvm/lapic.h).
  constexpr uint32_t kApicKhz = 1'000'000;
  if (auto* const hypervisor = Find(cpuid::kHypervisor)) {
    hypervisor->eax = std::max<uint32_t>(hypervisor->eax, cpuid::kHypervisorTiming);
    Erase(cpuid::kHypervisorTiming);
    kvm_cpuid_entry2 timing{};
    timing.function = cpuid::kHypervisorTiming;
    timing.eax = tsc_khz;
    timing.ebx = kApicKhz;
    entries_.push_back(timing);
  }
  // Leaf 0x15 is Intel's: TSC = crystal * EBX / EAX, and the APIC timer counts the crystal (SDM
  // 3B, 19.7.3). With the APIC's frequency as the crystal's, both come out exactly.
  auto* const vendor = Find(cpuid::kVendor);
  if (vendor == nullptr || !IsIntel()) return;
  vendor->eax = std::max<uint32_t>(vendor->eax, cpuid::kTscFrequency);
  Erase(cpuid::kTscFrequency);
  constexpr uint32_t kHertzPerKhz = 1000;
  kvm_cpuid_entry2 tsc{};
  tsc.function = cpuid::kTscFrequency;
  tsc.eax = kApicKhz;
  tsc.ebx = tsc_khz;
  tsc.ecx = kApicKhz * kHertzPerKhz;
  entries_.push_back(tsc);
}

CpuidTable GuestCpuid::ForCpu(uint32_t apic_id) const {
  CpuidTable table(entries_);
  for (kvm_cpuid_entry2& entry : table.entries()) {
    switch (entry.function) {
      case cpuid::kFeatures:
        entry.ebx = WithField(entry.ebx, 31, 24, apic_id);
        break;
      case cpuid::kTopology:
        entry.edx = apic_id;
        break;
      case cpuid::kAmdTopology:
        entry.eax = apic_id;
        entry.ebx = WithField(entry.ebx, 7, 0, apic_id);
        break;
      default:
        break;
    }
  }
  return table;
}

kvm_cpuid_entry2* GuestCpuid::Find(uint32_t leaf, uint32_t subleaf) {
  const auto found = std::ranges::find_if(entries_, [&](const kvm_cpuid_entry2& entry) {
    return entry.function == leaf && entry.index == subleaf;
  });
  return found == entries_.end() ? nullptr : &*found;
}

void GuestCpuid::Erase(uint32_t leaf) {
  std::erase_if(entries_, [&](const kvm_cpuid_entry2& entry) { return entry.function == leaf; });
}

bool GuestCpuid::IsIntel() {
  constexpr uint32_t kGenu = 0x756e6547;  // "Genu", of GenuineIntel
  const auto* const vendor = Find(cpuid::kVendor);
  return vendor != nullptr && vendor->ebx == kGenu;
}

}  // namespace mayfly::vmm
