#pragma once

#include <span>

#include "base/timeline.h"

namespace mayfly::cli {

// `mayfly run`: boots a VM on this process's standard streams. `arguments`: the words behind "run".
// Answers the exit code.
[[nodiscard]] int RunCommand(std::span<char* const> arguments, Timeline& timeline);

}  // namespace mayfly::cli
