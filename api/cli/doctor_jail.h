#pragma once

#include <vector>

#include "api/cli/doctor.h"

namespace mayfly::cli {

// Whether this user's VMs can be jailed, which is tried, and what their jail lacks.
void ExamineJail(std::vector<Finding>& findings);

}  // namespace mayfly::cli
