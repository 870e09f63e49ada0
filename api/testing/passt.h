#pragma once

#include <unistd.h>

namespace mayfly::api::testing {

// For tests of user networks.
[[nodiscard]] inline bool HasPasst() { return ::access("/usr/bin/passt", X_OK) == 0; }

// What they say where it is missing.
inline constexpr char kNeedsPasst[] = "runs where passt is installed (ci/deps)";

}  // namespace mayfly::api::testing
