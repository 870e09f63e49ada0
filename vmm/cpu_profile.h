#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm/kvm/cpuid_table.h"

namespace mayfly::vmm {

// Who runs the guest's privileged code.
enum class KvmKind {
  kHardware,  // VMX or SVM
  kSoftware,  // neither: ring 0 is emulated, instruction by instruction
};

// What this host's KVM can show a guest. The same until the next boot: asked once and kept by
// whoever starts VMs, since asking costs about a millisecond where the host is itself virtual (each
// CPUID leaf traps to the outer hypervisor).
struct CpuProfile {
  // More than any KVM has given out so far, by a wide margin.
  static constexpr size_t kMaxEntries = CpuidTable::kMaxEntries;

  std::vector<kvm_cpuid_entry2> supported;  // KVM_GET_SUPPORTED_CPUID; at most kMaxEntries
  KvmKind kind = KvmKind::kHardware;

  // `kvm`: /dev/kvm.
  [[nodiscard]] static absl::StatusOr<CpuProfile> Probe(int kvm);
};

}  // namespace mayfly::vmm
