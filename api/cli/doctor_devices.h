#pragma once

#include <vector>

#include "api/cli/doctor.h"

namespace mayfly::cli {

// What disks and network devices can be made of: io_uring, taps, passt.
void ExamineDevices(const HostPaths& paths, std::vector<Finding>& findings);

}  // namespace mayfly::cli
