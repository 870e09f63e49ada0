#pragma once

#include "vmm/machine_config.h"

namespace mayfly::api {

// Puts each thread of a VM under its seccomp policy (jailer/policies/). Empty where this program is
// built with a sanitizer, whose runtime asks the kernel for anything at any time.
[[nodiscard]] vmm::ThreadSetup ThreadFilters();

}  // namespace mayfly::api
