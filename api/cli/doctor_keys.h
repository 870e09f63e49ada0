#pragma once

#include <vector>

#include "api/cli/doctor.h"

namespace mayfly::cli {

// How many more VMs of this user can have a session keyring of their own. Adds to `findings`.
void ExamineKeys(const HostPaths& paths, std::vector<Finding>& findings);

}  // namespace mayfly::cli
