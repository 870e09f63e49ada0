#pragma once

#include <span>

namespace mayfly::cli {

// `mayfly completion SHELL`, `mayfly complete -- WORD...` (which the scripts of the former call)
// and `mayfly man [COMMAND]`. Each answers the exit code.
[[nodiscard]] int CompletionCommand(std::span<char* const> arguments);
[[nodiscard]] int CompleteCommand(std::span<char* const> arguments);
[[nodiscard]] int ManCommand(std::span<char* const> arguments);

}  // namespace mayfly::cli
