#pragma once

#include <cstdint>

// Leaves and bits of CPUID that Mayfly changes. Sources: Intel SDM volume 2A, "CPUID"; AMD APM
// volume 3, appendix E; Documentation/virt/kvm/x86/cpuid.rst.
namespace mayfly::vmm::cpuid {

[[nodiscard]] constexpr uint32_t Bit(unsigned number) { return uint32_t{1} << number; }

enum Leaf : uint32_t {
  kVendor = 0x0,
  kFeatures = 0x1,
  kCacheTopology = 0x4,
  kExtendedFeatures = 0x7,
  kTopology = 0xb,
  kTscFrequency = 0x15,
  kTopologyV2 = 0x1f,
  kHypervisor = 0x4000'0000,
  kHypervisorTiming = 0x4000'0010,
  kAmdFeatures = 0x8000'0001,
  kAmdSizes = 0x8000'0008,
  kAmdCacheTopology = 0x8000'001d,
  kAmdTopology = 0x8000'001e,
  kAmdTopologyV2 = 0x8000'0026,
};

// Leaf 1.
inline constexpr uint32_t kFma = Bit(12);  // ECX
inline constexpr uint32_t kCmpxchg16b = Bit(13);
inline constexpr uint32_t kTscDeadline = Bit(24);
inline constexpr uint32_t kXsaveFeature = Bit(26);
inline constexpr uint32_t kOsxsave = Bit(27);
inline constexpr uint32_t kAvx = Bit(28);
inline constexpr uint32_t kF16c = Bit(29);
inline constexpr uint32_t kHypervisorPresent = Bit(31);
inline constexpr uint32_t kHyperThreading = Bit(28);  // EDX: EBX[23:16] counts
inline constexpr uint32_t kVmx = Bit(5);              // ECX
// Leaf 0x80000001.
inline constexpr uint32_t kSvm = Bit(2);  // ECX
inline constexpr uint32_t kLegacyMultiCore = Bit(1);

}  // namespace mayfly::vmm::cpuid
