#include "vmm/kvm/kvm.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "vmm/kvm/counted_list.h"
#include "vmm/kvm/cpuid_table.h"
#include "vmm/kvm/kvm_call.h"

namespace mayfly::vmm {
namespace {

constexpr KvmRequest kGetApiVersion{KVM_GET_API_VERSION, "KVM_GET_API_VERSION"};
constexpr KvmRequest kCreateVm{KVM_CREATE_VM, "KVM_CREATE_VM"};
constexpr KvmRequest kGetSupportedCpuid{kGetSupportedCpuidNumber, "KVM_GET_SUPPORTED_CPUID"};

}  // namespace

absl::StatusOr<Kvm> Kvm::Attach(int fd) {
  MAYFLY_ASSIGN_OR_RETURN(const int version, KvmCall(fd, kGetApiVersion, kNoArgument));
  if (version != KVM_API_VERSION) {
    return absl::InvalidArgumentError(absl::StrCat("KVM speaks version ", version,
                                                   " of its API, not ", KVM_API_VERSION,
                                                   ": a newer Linux is needed"));
  }
  return Kvm(fd);
}

int Kvm::Capability(unsigned capability) const {
  const int answer = ::ioctl(fd_, KVM_CHECK_EXTENSION, capability);
  return answer < 0 ? 0 : answer;
}

absl::StatusOr<Vm> Kvm::CreateVm() const {
  constexpr uint64_t kDefaultType = 0;
  MAYFLY_ASSIGN_OR_RETURN(const int vm, KvmCall(fd_, kCreateVm, kDefaultType));
  return Vm(OwnedFd(vm));
}

absl::StatusOr<std::vector<kvm_cpuid_entry2>> Kvm::SupportedCpuid() const {
  const CpuidTable table(CpuidTable::kMaxEntries);
  MAYFLY_RETURN_IF_ERROR(KvmDo(fd_, kGetSupportedCpuid, table.argument()));
  return std::vector(table.entries().begin(), table.entries().end());
}

}  // namespace mayfly::vmm
