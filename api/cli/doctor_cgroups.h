#pragma once

#include <vector>

#include "api/cli/doctor.h"

namespace mayfly::cli {

// What VMs can be limited in, and what of cgroups makes starts slow.
void ExamineCgroups(const HostPaths& paths, std::vector<Finding>& findings);

}  // namespace mayfly::cli
