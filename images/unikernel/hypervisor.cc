#include "images/unikernel/hypervisor.h"

#include <array>

#include "images/unikernel/ring_0.h"

namespace mayfly::guest {
namespace {

constexpr uint32_t kFeatureLeaf = 1;
constexpr uint32_t kHypervisorPresent = uint32_t{1} << 31;  // ecx
constexpr uint32_t kSignatureLeaf = 0x40000000;
constexpr uint32_t kKvmFeatureLeaf = 0x40000001;
constexpr uint32_t kClockSource2 = 1 << 3;  // eax
constexpr uint32_t kTimingLeaf = 0x40000010;
constexpr uint64_t kHertzPerKilohertz = 1000;

struct Registers {
  uint32_t eax;
  uint32_t ebx;
  uint32_t ecx;
  uint32_t edx;
};

Registers Cpuid(uint32_t leaf) {
  std::array<uint32_t, 4> registers;
  Ring0Cpuid(leaf, 0, registers.data());
  return {registers[0], registers[1], registers[2], registers[3]};
}

// The highest of the hypervisor's leaves; 0 if there is no hypervisor.
uint32_t LastHypervisorLeaf() {
  if ((Cpuid(kFeatureLeaf).ecx & kHypervisorPresent) == 0) return 0;
  return Cpuid(kSignatureLeaf).eax;
}

}  // namespace

TimingFrequencies HypervisorTiming() {
  if (LastHypervisorLeaf() < kTimingLeaf) return {};
  const Registers timing = Cpuid(kTimingLeaf);
  return {.tsc_hz = timing.eax * kHertzPerKilohertz,
          .apic_timer_hz = timing.ebx * kHertzPerKilohertz};
}

bool HypervisorHasKvmClock() {
  const Registers signature = Cpuid(kSignatureLeaf);
  constexpr uint32_t kKvmk = 0x4b4d564b;  // "KVMKVMKVM\0\0\0"
  constexpr uint32_t kVmkv = 0x564b4d56;
  return LastHypervisorLeaf() >= kKvmFeatureLeaf && signature.ebx == kKvmk &&
         signature.ecx == kVmkv && (Cpuid(kKvmFeatureLeaf).eax & kClockSource2) != 0;
}

}  // namespace mayfly::guest
