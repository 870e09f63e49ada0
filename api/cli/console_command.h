#pragma once

#include <span>

namespace mayfly::cli {

// `mayfly console NAME`. Answers the exit code.
[[nodiscard]] int ConsoleCommand(std::span<char* const> arguments);

}  // namespace mayfly::cli
