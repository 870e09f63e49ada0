#include "api/cli/doctor_kvm.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <array>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "api/client/open_file.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "vmm/cpu_profile.h"

namespace mayfly::cli {
namespace {

using Weight = Finding::Weight;

// close_range(2) with CLOSE_RANGE_CLOEXEC is the youngest call that Mayfly makes.
constexpr std::string_view kNewerKernel = "Use Linux 5.11 or later.";

struct Capability {
  int number;
  std::string_view name;
};
// What the VMM cannot do without (Documentation/virt/kvm/api.rst, section 4.4 and the capability of
// each call).
constexpr std::array kNeeded = {
    Capability{KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
    Capability{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    Capability{KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
    Capability{KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID"},
    Capability{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"},
};

[[nodiscard]] Finding ExamineVersion(int kvm) {
  const int version = ::ioctl(kvm, KVM_GET_API_VERSION, 0);
  if (version == KVM_API_VERSION) return {Weight::kGood, "KVM is there and may be used.", ""};
  return {Weight::kFault,
          absl::StrCat("KVM speaks version ", version, " of its API, not ", KVM_API_VERSION, "."),
          std::string(kNewerKernel)};
}

[[nodiscard]] Finding ExamineCapabilities(int kvm) {
  std::string missing;
  for (const Capability& capability : kNeeded) {
    if (::ioctl(kvm, KVM_CHECK_EXTENSION, capability.number) > 0) continue;
    absl::StrAppend(&missing, missing.empty() ? "" : ", ", ToAbsl(capability.name));
  }
  if (missing.empty()) return {Weight::kGood, "KVM has all that the VMM needs.", ""};
  return {Weight::kFault, absl::StrCat("KVM lacks ", missing, "."), std::string(kNewerKernel)};
}

[[nodiscard]] Finding ExamineKind(int kvm) {
  const absl::StatusOr<vmm::CpuProfile> profile = vmm::CpuProfile::Probe(kvm);
  if (!profile.ok()) {
    return {Weight::kFault,
            absl::StrCat("KVM does not say what CPUs it offers: ", profile.status().message(), "."),
            std::string(kNewerKernel)};
  }
  if (profile->kind == vmm::KvmKind::kHardware) {
    return {
        Weight::kGood,
        "The CPU runs guests itself (VMX or SVM): Linux guests and unikernels run at full speed.",
        ""};
  }
  return {Weight::kNote,
          "KVM runs in software here (neither VMX nor SVM): unikernels made with images/unikernel "
          "run, their payload at "
          "full speed, but Linux kernels, whose privileged code is emulated instruction by "
          "instruction, do not boot.",
          "For Linux guests use a machine with VMX or SVM, or have nested virtualization turned on "
          "outside."};
}

}  // namespace

void ExamineKvm(const HostPaths& paths, std::vector<Finding>& findings) {
  const absl::StatusOr<OwnedFd> kvm = api::OpenKvm(paths.kvm);
  if (!kvm.ok()) {
    findings.push_back({Weight::kFault, std::string(kvm.status().message()), ""});
    return;
  }
  findings.push_back(ExamineVersion(kvm->get()));
  if (findings.back().weight == Weight::kFault) return;
  findings.push_back(ExamineCapabilities(kvm->get()));
  findings.push_back(ExamineKind(kvm->get()));
}

}  // namespace mayfly::cli
