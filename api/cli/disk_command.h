#pragma once

#include <span>

namespace mayfly::cli {

// `mayfly disk`: what there is to do with overlays that no VM uses. `arguments`: what follows
// "disk". Answers the exit code.
[[nodiscard]] int DiskCommand(std::span<char* const> arguments);

}  // namespace mayfly::cli
