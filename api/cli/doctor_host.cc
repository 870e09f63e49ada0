#include "api/cli/doctor_host.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "api/cli/units.h"
#include "api/client/vmm_process.h"
#include "base/file_io.h"
#include "base/owned_fd.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

using Weight = Finding::Weight;

// What the largest VM takes: 512 queues have an eventfd each, 254 vCPUs a descriptor, 19 devices
// some five (an image and an overlay or a tap, timers, a ring), and 20 are the VMM's own. It is
// what a process has unless told otherwise.
constexpr rlim_t kComfortableOpenFiles = 1024;

[[nodiscard]] std::optional<std::string> ReadSetting(const HostPaths& paths,
                                                     std::string_view path) {
  absl::StatusOr<std::string> text = ReadText(AT_FDCWD, paths.root + std::string(path));
  if (!text.ok()) return std::nullopt;
  return *std::move(text);
}

// With the iTLB-multihit mitigation on, KVM starts a recovery thread with a process's first VM: 30
// to 70 ms.
void ExamineHugePageMitigation(const HostPaths& paths, std::vector<Finding>& findings) {
  const auto setting = ReadSetting(paths, "/sys/module/kvm/parameters/nx_huge_pages");
  if (!setting || *setting == "never" || *setting == "N") return;
  findings.push_back({Weight::kNote,
                      absl::StrCat("kvm.nx_huge_pages is ", *setting,
                                   ": every VM's start may take 30 to 70 ms more."),
                      "Where the CPU is not affected by iTLB multihit "
                      "(/sys/devices/system/cpu/vulnerabilities/itlb_multihit), boot the "
                      "host with kvm.nx_huge_pages=never."});
}

void ExamineOvercommit(const HostPaths& paths, std::vector<Finding>& findings) {
  // Guest memory is reserved by none but touched pages, which strict accounting does not know
  // (proc(5)).
  constexpr std::string_view kStrict = "2";
  if (ReadSetting(paths, "/proc/sys/vm/overcommit_memory") == kStrict) {
    findings.push_back({Weight::kNote,
                        "vm.overcommit_memory is 2: every VM counts with all of its memory, "
                        "touched or not, and large ones are refused.",
                        "sysctl vm.overcommit_memory=0"});
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    findings.push_back({Weight::kNote,
                        absl::StrCat("Processes are limited to ", FormatSize(limit.rlim_cur),
                                     " of address space, guests' memory included."),
                        "ulimit -v unlimited"});
  }
}

void ExamineOpenFiles(std::vector<Finding>& findings) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  if (limit.rlim_cur >= kComfortableOpenFiles) {
    findings.push_back(
        {Weight::kGood, absl::StrCat("A process may have ", limit.rlim_cur, " files open."), ""});
    return;
  }
  findings.push_back({Weight::kNote,
                      absl::StrCat("A process may have only ", limit.rlim_cur,
                                   " files open: VMs with many devices or CPUs fail."),
                      absl::StrCat("ulimit -n ", kComfortableOpenFiles)});
}

void ExamineProgram(std::vector<Finding>& findings) {
  const absl::StatusOr<OwnedFd> program = api::VmmProcess::FindProgram();
  if (program.ok()) {
    findings.push_back({Weight::kGood, "mayfly-vmm is installed.", ""});
  } else {
    findings.push_back({Weight::kFault, absl::StrCat(program.status().message()), ""});
  }
}

}  // namespace

void ExamineHost(const HostPaths& paths, std::vector<Finding>& findings) {
  ExamineProgram(findings);
  ExamineHugePageMitigation(paths, findings);
  ExamineOvercommit(paths, findings);
  ExamineOpenFiles(findings);
}

}  // namespace mayfly::cli
