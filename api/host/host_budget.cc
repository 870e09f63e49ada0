#include "api/host/host_budget.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file_io.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

// The service's own: standard streams, sockets, the loop's, /dev/kvm, the jail, the cgroups.
constexpr uint64_t kOwnFiles = 64;
// A socket, a pidfd, a pipe of last words, the socket of a detached one, and a directory in each of
// up to four hierarchies of cgroups, the words of up to four networks of its user's; some more
// while it is launched.
constexpr uint64_t kFilesPerVm = 14;
// Of a VM with one vCPU: three threads, and one that KVM may have.
constexpr uint64_t kPidsPerVm = 4;
constexpr char kRaiseFiles[] =
    "raise the hard limit of open files (ulimit -Hn, LimitNOFILE= of a unit)";
constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

[[nodiscard]] absl::StatusOr<uint64_t> RaiseOpenFiles() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return ErrnoStatus("asking for RLIMIT_NOFILE");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return ErrnoStatus("raising RLIMIT_NOFILE");
  return limit.rlim_cur;
}

[[nodiscard]] uint64_t Setting(const char* path) {
  const auto text = ReadText(AT_FDCWD, path);
  uint64_t number = 0;
  return text.ok() && absl::SimpleAtoi(*text, &number) ? number : kNoLimit;
}

[[nodiscard]] uint64_t Pids() {
  uint64_t pids =
      std::min(Setting("/proc/sys/kernel/pid_max"), Setting("/proc/sys/kernel/threads-max"));
  rlimit limit{};
  if (::geteuid() != 0 && ::getrlimit(RLIMIT_NPROC, &limit) == 0) {
    pids = std::min<uint64_t>(pids, limit.rlim_cur);
  }
  return pids;
}

void Lower(uint64_t possible, absl::string_view by, HostBudget& budget) {
  uint64_t& machines = budget.total.machines;
  if (machines != 0 && machines <= possible) return;
  if (machines != 0) {
    budget.warnings.push_back(
        absl::StrCat("total.machines: of the ", machines, " VMs, ", possible, " can be had: ", by));
  }
  machines = possible;
}

}  // namespace

absl::StatusOr<HostBudget> HostBudget::Make(rpc::HostConfig::Reader config) {
  HostBudget budget;
  MAYFLY_ASSIGN_OR_RETURN(budget.open_files, RaiseOpenFiles());
  budget.total = DecodeShare(config.getTotal());
  // Half of the files are for connections at most.
  budget.connections =
      static_cast<uint32_t>(std::min<uint64_t>(config.getConnections(), budget.open_files / 2));
  if (budget.connections < config.getConnections()) {
    budget.warnings.push_back(absl::StrCat("connections: of the ", config.getConnections(), ", ",
                                           budget.connections, " can be had: ", kRaiseFiles));
  }
  const uint64_t taken = kOwnFiles + budget.connections;
  if (budget.open_files < taken + kFilesPerVm) {
    return absl::FailedPreconditionError(
        absl::StrCat("with ", budget.open_files,
                     " open files there is room for no VM; raise the hard limit (ulimit -Hn)"));
  }
  Lower((budget.open_files - taken) / kFilesPerVm, kRaiseFiles, budget);
  Lower(std::max<uint64_t>(1, Pids() / kPidsPerVm),
        "raise kernel.pid_max, kernel.threads-max, or the limit of processes (ulimit -u)", budget);
  return budget;
}

}  // namespace mayfly::api
