#include "vmm/cpu/guest_cpuid.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "gtest/gtest.h"
#include "vmm/cpu/cpuid_bits.h"

namespace mayfly::vmm {
namespace {

kvm_cpuid_entry2 Entry(uint32_t leaf, uint32_t subleaf = 0) {
  kvm_cpuid_entry2 entry{};
  entry.function = leaf;
  entry.index = subleaf;
  return entry;
}

kvm_cpuid_entry2 Vendor(const char* name) {
  kvm_cpuid_entry2 entry = Entry(cpuid::kVendor);
  entry.eax = 0x10;
  std::memcpy(&entry.ebx, name, 4);
  std::memcpy(&entry.edx, name + 4, 4);
  std::memcpy(&entry.ecx, name + 8, 4);
  return entry;
}

// A host with everything in it that is changed.
CpuProfile Host(const char* vendor) {
  CpuProfile profile;
  profile.supported = {Vendor(vendor),
                       Entry(cpuid::kFeatures),
                       Entry(cpuid::kCacheTopology, 0),
                       Entry(cpuid::kCacheTopology, 3),
                       Entry(cpuid::kExtendedFeatures),
                       Entry(cpuid::kTopology, 0),
                       Entry(cpuid::kTopology, 1),
                       Entry(cpuid::kTopology, 2),
                       Entry(cpuid::kTopologyV2),
                       Entry(cpuid::kHypervisor),
                       Entry(cpuid::kAmdFeatures),
                       Entry(cpuid::kAmdSizes),
                       Entry(cpuid::kAmdTopology)};
  for (kvm_cpuid_entry2& entry : profile.supported) {
    if (entry.function == cpuid::kVendor) continue;
    if (entry.function == cpuid::kHypervisor) {
      entry.eax = 0x40000001;
      continue;
    }
    entry.eax = entry.ebx = entry.ecx = entry.edx = UINT32_MAX;
  }
  profile.supported[2].eax = (0xffffffff & ~0xe0U) | 1 << 5;  // a first level cache
  profile.supported[3].eax = (0xffffffff & ~0xe0U) | 3 << 5;  // a third level cache
  return profile;
}

std::optional<kvm_cpuid_entry2> Find(const CpuidTable& table, uint32_t leaf, uint32_t subleaf = 0) {
  for (const kvm_cpuid_entry2& entry : table.entries()) {
    if (entry.function == leaf && entry.index == subleaf) return entry;
  }
  return std::nullopt;
}

TEST(GuestCpuidTest, EachCpuHasItsApicId) {
  const GuestCpuid cpuid(Host("AuthenticAMD"), {.cpus = 6});
  for (const uint32_t id : {0U, 5U}) {
    const CpuidTable table = cpuid.ForCpu(id);
    EXPECT_EQ(Find(table, 1)->ebx >> 24, id);
    EXPECT_EQ(Find(table, 0xb, 0)->edx, id);
    EXPECT_EQ(Find(table, 0xb, 1)->edx, id);
    EXPECT_EQ(Find(table, 0x8000001e)->eax, id);
    EXPECT_EQ(Find(table, 0x8000001e)->ebx, id) << "one thread a core";
  }
}

TEST(GuestCpuidTest, TheTopologyIsOnePackageOfCores) {
  const CpuidTable table = GuestCpuid(Host("GenuineIntel"), {.cpus = 6}).ForCpu(0);
  EXPECT_EQ(Find(table, 1)->ebx >> 16 & 0xff, 8) << "rounded up";
  EXPECT_NE(Find(table, 1)->edx & cpuid::kHyperThreading, 0);
  EXPECT_EQ(Find(table, 4, 0)->eax >> 26, 7);
  EXPECT_EQ(Find(table, 4, 0)->eax >> 14 & 0xfff, 0) << "a first level cache is a core's own";
  EXPECT_EQ(Find(table, 4, 3)->eax >> 14 & 0xfff, 7) << "the third level is everybody's";
  EXPECT_EQ(Find(table, 0xb, 0)->eax, 0);
  EXPECT_EQ(Find(table, 0xb, 0)->ebx, 1);
  EXPECT_EQ(Find(table, 0xb, 1)->eax, 3);
  EXPECT_EQ(Find(table, 0xb, 1)->ebx, 6);
  EXPECT_EQ(Find(table, 0xb, 2), std::nullopt) << "the host's own shape is gone";
  EXPECT_EQ(Find(table, 0x1f), std::nullopt);
  EXPECT_EQ(Find(table, 0x80000008)->ecx & 0xff, 5);
  EXPECT_EQ(Find(table, 0x80000008)->ecx >> 12 & 0xf, 3);
}

TEST(GuestCpuidTest, OneCpuIsAlone) {
  const CpuidTable table = GuestCpuid(Host("AuthenticAMD"), {.cpus = 1}).ForCpu(0);
  EXPECT_EQ(Find(table, 1)->ebx >> 16 & 0xff, 1);
  EXPECT_EQ(Find(table, 1)->edx & cpuid::kHyperThreading, 0);
  EXPECT_EQ(Find(table, 0x80000001)->ecx & cpuid::kLegacyMultiCore, 0);
  EXPECT_EQ(Find(table, 0xb, 1)->eax, 0);
}

TEST(GuestCpuidTest, HardwareKvmKeepsItsFeatures) {
  const CpuidTable table = GuestCpuid(Host("GenuineIntel"), {}).ForCpu(0);
  EXPECT_NE(Find(table, 1)->ecx & cpuid::kXsaveFeature, 0);
  EXPECT_NE(Find(table, 1)->ecx & cpuid::kCmpxchg16b, 0);
}

TEST(GuestCpuidTest, SoftwareKvmLosesWhatItsEmulatorCannotDo) {
  CpuProfile profile = Host("GenuineIntel");
  profile.kind = KvmKind::kSoftware;
  const CpuidTable table = GuestCpuid(profile, {}).ForCpu(0);
  EXPECT_EQ(Find(table, 1)->ecx &
                (cpuid::kXsaveFeature | cpuid::kOsxsave | cpuid::kAvx | cpuid::kCmpxchg16b),
            0);
  EXPECT_EQ(Find(table, 7)->ebx & cpuid::Bit(5), 0) << "AVX2";
  EXPECT_NE(Find(table, 7)->ebx & cpuid::Bit(9), 0) << "ERMS stays";
}

TEST(GuestCpuidTest, TheTscDeadlineTimerIsAnnouncedWhereItIs) {
  CpuProfile profile = Host("GenuineIntel");
  profile.supported[1].ecx = 0;
  const auto ecx = [&](bool tsc_deadline) {
    return Find(GuestCpuid(profile, {.tsc_deadline = tsc_deadline}).ForCpu(0), 1)->ecx;
  };
  EXPECT_EQ(ecx(false), cpuid::kHypervisorPresent);
  EXPECT_EQ(ecx(true), cpuid::kHypervisorPresent | cpuid::kTscDeadline);
}

TEST(GuestCpuidTest, FrequenciesSpareTheGuestItsCalibration) {
  constexpr uint32_t kKhz = 2596120;
  const CpuidTable intel = GuestCpuid(Host("GenuineIntel"), {.tsc_khz = kKhz}).ForCpu(0);
  EXPECT_EQ(Find(intel, 0x40000000)->eax, 0x40000010);
  EXPECT_EQ(Find(intel, 0x40000010)->eax, kKhz);
  EXPECT_EQ(Find(intel, 0x40000010)->ebx, 1000000) << "the APIC's";
  EXPECT_EQ(Find(intel, 0)->eax, 0x15);
  const auto tsc = *Find(intel, 0x15);
  EXPECT_EQ(uint64_t{tsc.ecx} * tsc.ebx / tsc.eax, uint64_t{kKhz} * 1000);

  const CpuidTable amd = GuestCpuid(Host("AuthenticAMD"), {.tsc_khz = kKhz}).ForCpu(0);
  EXPECT_EQ(Find(amd, 0x40000010)->eax, kKhz);
  EXPECT_EQ(Find(amd, 0x15), std::nullopt) << "Intel's leaf";
}

TEST(GuestCpuidTest, AnEmptyProfileIsNotACrash) {
  EXPECT_TRUE(GuestCpuid(CpuProfile(), {.cpus = 4, .tsc_khz = 1}).ForCpu(0).entries().empty());
}

}  // namespace
}  // namespace mayfly::vmm
