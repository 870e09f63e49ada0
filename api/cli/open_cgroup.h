#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "api/cli/limit_option.h"
#include "api/client/vmm_process.h"
#include "jailer/cgroup/cgroup.h"

namespace mayfly::cli {

// The limits, with the disks that they name. Errors: InvalidArgument.
[[nodiscard]] absl::StatusOr<jailer::CgroupLimits> CompleteLimits(const LimitOption& option);

// A cgroup for a VM, in `parent` where that is not empty; none where nothing is to be limited and
// no parent is named. Errors: InvalidArgument and FailedPrecondition, one sentence.
[[nodiscard]] absl::StatusOr<std::optional<jailer::Cgroup>> OpenCgroup(const LimitOption& option,
                                                                       const std::string& parent);

// Has the cgroup of an ending VM removed, where it has one, when the kernel has freed its process:
// by a process made for that, since nobody is to wait for it.
void RemoveCgroupLater(const api::VmmProcess& vmm);

// Removes what killed commands left there.
void SweepCgroups(const std::string& parent);

}  // namespace mayfly::cli
