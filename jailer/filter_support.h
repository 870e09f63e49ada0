#pragma once

#include "absl/status/status.h"

namespace mayfly::jailer {

// Whether this kernel, and whoever filters this process already (a container's manager), lets it
// have seccomp filters with all of their answers that the policies use (seccomp(2),
// SECCOMP_GET_ACTION_AVAIL, Linux 4.14). Without them no VM starts: InstallFilter() fails.
//
// Errors: errno's, naming the answer that cannot be had.
[[nodiscard]] absl::Status LookForFilters();

}  // namespace mayfly::jailer
