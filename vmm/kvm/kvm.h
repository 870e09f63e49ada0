#pragma once

#include <linux/kvm.h>

#include <vector>

#include "absl/status/statusor.h"
#include "vmm/kvm/vm.h"

namespace mayfly::vmm {

// /dev/kvm, opened by somebody else, who keeps it open meanwhile. Thread-safe.
class Kvm final {
 public:
  // Checks that `fd` is /dev/kvm with the API that everybody has had since Linux 2.6.22.
  // Errors: InvalidArgument and those of KvmError().
  [[nodiscard]] static absl::StatusOr<Kvm> Attach(int fd);

  // KVM_CHECK_EXTENSION: 0 where the capability is absent, otherwise what its documentation says.
  [[nodiscard]] int Capability(unsigned capability) const;
  [[nodiscard]] absl::StatusOr<Vm> CreateVm() const;
  // KVM_GET_SUPPORTED_CPUID. About a millisecond where the host is itself virtual.
  [[nodiscard]] absl::StatusOr<std::vector<kvm_cpuid_entry2>> SupportedCpuid() const;

 private:
  explicit Kvm(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace mayfly::vmm
