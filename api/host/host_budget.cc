#include "api/host/host_budget.h"

#include <sys/resource.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

constexpr char kRaiseFiles[] =
    "raise the hard limit of open files (ulimit -Hn, LimitNOFILE= of a unit)";

[[nodiscard]] absl::StatusOr<uint64_t> RaiseOpenFiles() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return ErrnoStatus("asking for RLIMIT_NOFILE");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return ErrnoStatus("raising RLIMIT_NOFILE");
  return limit.rlim_cur;
}

// `machines`: as many as are configured, 0 for all that can be had.
void Lower(uint64_t possible, absl::string_view for_more, HostBudget& budget) {
  uint64_t& machines = budget.total.machines;
  if (machines != 0 && machines <= possible) return;
  if (machines != 0) {
    budget.warnings.push_back(absl::StrCat("total.machines: of the ", machines, " VMs, ", possible,
                                           " can be had: ", for_more));
  }
  machines = possible;
}

}  // namespace

absl::StatusOr<HostBudget> HostBudget::Make(rpc::HostConfig::Reader config) {
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t open_files, RaiseOpenFiles());
  return Reckon(config, open_files, PidsLimit::Find(config.getCgroupParent()));
}

absl::StatusOr<HostBudget> HostBudget::Reckon(rpc::HostConfig::Reader config, uint64_t open_files,
                                              const PidsLimit& pids) {
  HostBudget budget;
  budget.open_files = open_files;
  budget.total = DecodeShare(config.getTotal());
  // Half of the files are for connections at most.
  budget.connections =
      static_cast<uint32_t>(std::min<uint64_t>(config.getConnections(), open_files / 2));
  if (budget.connections < config.getConnections()) {
    budget.warnings.push_back(absl::StrCat("connections: of the ", config.getConnections(), ", ",
                                           budget.connections, " can be had: ", kRaiseFiles));
  }
  const uint64_t files_taken = kOwnFiles + budget.connections;
  if (open_files < files_taken + kFilesPerVm) {
    return absl::FailedPreconditionError(
        absl::StrCat("with ", open_files, " open files there is room for no VM; ", kRaiseFiles));
  }
  if (pids.pids < kOwnPids + kPidsPerVm) {
    return absl::FailedPreconditionError(absl::StrCat(
        "with ", pids.pids, " processes and threads there is room for no VM; ", pids.remedy));
  }
  const uint64_t by_files = (open_files - files_taken) / kFilesPerVm;
  const uint64_t by_pids = (pids.pids - kOwnPids) / kPidsPerVm;
  // The tighter one alone: nobody has asked for what the other one would leave.
  if (by_files <= by_pids) {
    Lower(by_files, kRaiseFiles, budget);
  } else {
    Lower(by_pids, pids.remedy, budget);
  }
  return budget;
}

}  // namespace mayfly::api
