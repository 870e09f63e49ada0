#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "jailer/cgroup/cgroup_limits.h"

namespace mayfly::cli {

// --limit, understood: what the VMM may take of the host. Disks are still names.
struct LimitOption {
  struct Disk {
    std::string path;
    jailer::IoLimit limit;  // without its device
  };

  jailer::CgroupLimits limits;  // its io: those whose disks are known by number
  std::vector<Disk> disks;
  // More CPUs are added to those in `limits`; otherwise they replace them: a specification's.
  bool adds_cpus = false;

  [[nodiscard]] bool empty() const { return limits.Controllers().empty() && disks.empty(); }
};

// "WORD[,WORD]..." into `option`, in addition to what other --limit have said. Errors:
// InvalidArgument, one sentence that begins with "--limit".
[[nodiscard]] absl::Status ParseLimitOption(std::string_view text, LimitOption& option);

}  // namespace mayfly::cli
