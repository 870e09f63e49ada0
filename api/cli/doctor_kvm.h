#pragma once

#include <vector>

#include "api/cli/doctor.h"

namespace mayfly::cli {

// /dev/kvm: there, ours to use, recent enough, and by what it runs guests.
void ExamineKvm(const HostPaths& paths, std::vector<Finding>& findings);

}  // namespace mayfly::cli
