#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <vector>

#include "vmm/cpu_profile.h"
#include "vmm/kvm/cpuid_table.h"

namespace mayfly::vmm {

// What the guest's CPUID instruction answers: what KVM supports here, less what would break on a
// KVM that emulates, with the topology of one package of `cpus` single-threaded cores and the
// frequencies that spare a guest its calibration.
class GuestCpuid final {
 public:
  struct Options {
    unsigned cpus = 1;
    uint32_t tsc_khz = 0;  // 0: unknown
    // Whether the local APIC has a TSC-deadline timer (KVM_CAP_TSC_DEADLINE_TIMER): not part of the
    // supported set.
    bool tsc_deadline = false;
  };

  GuestCpuid(const CpuProfile& profile, const Options& options);

  // The table for the vCPU with this APIC ID.
  [[nodiscard]] CpuidTable ForCpu(uint32_t apic_id) const;

 private:
  void FilterForSoftwareKvm();
  void DescribeFeatures(const Options& options);
  void DescribeTopology(unsigned cpus);
  void DescribeFrequencies(uint32_t tsc_khz);
  // The entry of a leaf (and, where it has them, subleaf), nullptr where there is none.
  [[nodiscard]] kvm_cpuid_entry2* Find(uint32_t leaf, uint32_t subleaf = 0);
  void Erase(uint32_t leaf);
  [[nodiscard]] bool IsIntel();

  std::vector<kvm_cpuid_entry2> entries_;
};

}  // namespace mayfly::vmm
