#pragma once

#include <vector>

#include "api/cli/doctor.h"

namespace mayfly::cli {

// What around KVM stops VMs or slows their start: kernel settings, limits, missing programs.
void ExamineHost(const HostPaths& paths, std::vector<Finding>& findings);

}  // namespace mayfly::cli
