#include "api/cli/doctor_jail.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "api/client/process_end.h"
#include "api/client/vmm_process.h"
#include "base/owned_fd.h"
#include "jailer/filter_support.h"
#include "jailer/jail.h"
#include "jailer/lack.h"
#include "jailer/landlock.h"
#include "jailer/sanitized.h"
#include "jailer/spawn.h"
#include "jailer/vm_ids.h"

namespace mayfly::cli {
namespace {

using Weight = Finding::Weight;

void ExamineLandlock(std::vector<Finding>& findings) {
  if (const int abi = jailer::LandlockAbi(); abi != 0) {
    findings.push_back({Weight::kGood,
                        absl::StrCat("VMMs are kept from files by landlock, too (ABI ", abi, ")."),
                        ""});
    return;
  }
  findings.push_back({Weight::kNote,
                      "This kernel has no landlock, the second of the layers that keep a VMM from "
                      "files.",
                      "Use Linux 5.13 or later, with landlock in its boot parameter lsm="});
}

// Every thread of a VM has one: no VM starts without.
void ExamineFilters(std::vector<Finding>& findings) {
  const absl::Status filters = jailer::LookForFilters();
  if (filters.ok()) {
    findings.push_back(
        {Weight::kGood, "This kernel has the seccomp filters that a VM's threads are under.", ""});
    return;
  }
  findings.push_back(
      {Weight::kFault,
       absl::StrCat("The seccomp filters that a VM's threads are under cannot be had: ",
                    filters.message(), "."),
       "Use a kernel with CONFIG_SECCOMP_FILTER; in a container, have its seccomp profile allow "
       "seccomp"});
}

// A mayfly-vmm that does nothing, jailed as those with a VM are.
[[nodiscard]] absl::Status TryJail(const jailer::Jail& jail, int program) {
  jailer::SpawnOptions options;
  options.program = program;
  options.arguments = {"mayfly-vmm", "--help"};
  options.jail = &jail;
  const absl::StatusOr<jailer::ChildProcess> child = jailer::Spawn(options);
  if (!child.ok()) return child.status();
  const auto end = api::AwaitEnd(*child);
  if (end.ok() && end->exit_code == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("mayfly-vmm ", api::Describe(end), " in its jail"));
}

// One that VMs can have.
[[nodiscard]] Finding Describe(const jailer::Jail& jail) {
  if (const std::optional<jailer::Lack> lack = jailer::UserLack(jail)) {
    return {Weight::kNote,
            absl::StrCat("VMs are jailed, in user namespaces of their own, but ", lack->what, "."),
            lack->remedy};
  }
  if (jail.rootless()) {
    return {Weight::kGood,
            "VMs are jailed, in user namespaces of their own; outside, each is this user (root "
            "gives each VM a user).",
            ""};
  }
  return {Weight::kGood,
          absl::StrCat("VMs are jailed, each as a user and group of its own, of the numbers ",
                       jailer::kFirstVmId, " to ", jailer::kFirstVmId + jailer::kVmIds - 1, "."),
          ""};
}

}  // namespace

void ExamineJail(std::vector<Finding>& findings) {
  ExamineFilters(findings);
  ExamineLandlock(findings);
  const absl::StatusOr<OwnedFd> program = api::VmmProcess::FindProgram();
  if (jailer::kSanitized || !program.ok()) return;  // which is a finding of its own
  const jailer::Jail jail = jailer::Jail::ForOne();
  const absl::Status tried = TryJail(jail, program->get());
  if (!tried.ok()) {
    findings.push_back(
        {Weight::kFault, absl::StrCat("VMs cannot be jailed: ", tried.message(), "."),
         jail.rootless()
             ? "Allow user namespaces: user.max_user_namespaces above 0, and where the kernel has "
               "them, kernel.unprivileged_userns_clone=1 and "
               "kernel.apparmor_restrict_unprivileged_userns=0; a container needs to be allowed "
               "clone3, mount, umount2, pivot_root, sethostname, setdomainname and keyctl, too, "
               "and "
               "no root file system on ramfs or in a chroot will do. Or start VMs as root."
             : "Start from outside of a chroot, and give mayfly-vmm permission to be run by others "
               "(chmod o+rx)."});
    return;
  }
  findings.push_back(Describe(jail));
}

}  // namespace mayfly::cli
