#pragma once

#include <cstddef>

#include "absl/status/status.h"

namespace mayfly::bench {

// Gives this process a mount namespace of its own, a copy of its former, with `count` small file
// systems more. For root, before there are other threads. Errors: errno's.
[[nodiscard]] absl::Status AddMounts(size_t count);

}  // namespace mayfly::bench
