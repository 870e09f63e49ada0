#include "vmm/kvm/kvm_call.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::vmm {
namespace {

// What to do about an errno of any KVM request; empty where only the request itself could tell.
std::string_view Remedy(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return "this process may not use KVM: add the user to the group that owns /dev/kvm, or look "
             "into the security policy of the container";
    case ENOTTY:
      return "the descriptor is not /dev/kvm, or this KVM is too old (Linux 5.10 or later is "
             "needed)";
    case EBUSY:
      return "another hypervisor holds the virtualization extension of the CPU: stop it first";
    case ENODEV:
      return "KVM has lost its hardware: load the module kvm_intel or kvm_amd";
    case ENOMEM:
    case EAGAIN:
      return "the host has no memory left for it: start fewer VMs, or raise the cgroup's limit";
    case EMFILE:
    case ENFILE:
      return "too many open files: raise the limit (ulimit -n)";
    case EEXIST:
      return "KVM has one already: two parts of this VM claim the same place";
    case EFAULT:
      return "the memory behind it is gone";
    case ENOSPC:
      return "KVM has no room for more of these in one VM: give it fewer devices";
    case EINVAL:
    case ENXIO:
    case EOPNOTSUPP:
      return "this host's KVM does not support it; `mayfly doctor` says what it can do";
    default:
      return "";
  }
}

}  // namespace

absl::Status KvmError(const KvmRequest& request, int error) {
  absl::Status plain = ErrnoStatus(request.name, error);
  // What errno may call an argument or a state was not of the user's making: all that a user says
  // is checked before KVM hears of it.
  if (absl::IsInvalidArgument(plain) || absl::IsOutOfRange(plain) ||
      absl::IsFailedPrecondition(plain)) {
    plain = absl::InternalError(plain.message());
  }
  const std::string_view remedy = Remedy(error);
  if (remedy.empty()) return plain;
  return absl::Status(plain.code(), absl::StrCat(plain.message(), " (", ToAbsl(remedy), ")"));
}

}  // namespace mayfly::vmm
