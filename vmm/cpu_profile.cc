#include "vmm/cpu_profile.h"

#include <cpuid.h>

#include "base/status.h"
#include "vmm/cpu/cpuid_bits.h"
#include "vmm/kvm/kvm.h"

namespace mayfly::vmm {
namespace {

// KVM needs VMX or SVM, which the CPU announces to whoever asks. A KVM without them does it all in
// software.
KvmKind AskCpu() {
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
  if (__get_cpuid(cpuid::kFeatures, &eax, &ebx, &ecx, &edx) != 0 && (ecx & cpuid::kVmx) != 0) {
    return KvmKind::kHardware;
  }
  if (__get_cpuid(cpuid::kAmdFeatures, &eax, &ebx, &ecx, &edx) != 0 && (ecx & cpuid::kSvm) != 0) {
    return KvmKind::kHardware;
  }
  return KvmKind::kSoftware;
}

}  // namespace

absl::StatusOr<CpuProfile> CpuProfile::Probe(int kvm) {
  MAYFLY_ASSIGN_OR_RETURN(const Kvm attached, Kvm::Attach(kvm));
  CpuProfile profile;
  MAYFLY_ASSIGN_OR_RETURN(profile.supported, attached.SupportedCpuid());
  profile.kind = AskCpu();
  return profile;
}

}  // namespace mayfly::vmm
