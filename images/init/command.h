#pragma once

#include <cstdint>

#include "images/init/options.h"

namespace mayfly::init {

// The statuses by which shells say that a command did not even start, and the one of a guest that
// was not set up.
inline constexpr std::uint8_t kSetUpFailed = 125;
inline constexpr std::uint8_t kNotExecutable = 126;
inline constexpr std::uint8_t kNotFound = 127;

// Runs the command in a session of its own, the console its terminal, and waits for its end,
// burying orphans meanwhile. Its exit status, or 128 plus the signal that killed it.
[[nodiscard]] std::uint8_t RunCommand(const Options& options);

// Kills all that still runs, and waits until it is gone.
void EndEverything();

}  // namespace mayfly::init
