#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"

namespace mayfly::bench {

// How long one run of a program took, from just before it was spawned.
struct ProcessRun {
  std::optional<Nanoseconds> first_byte;  // until it wrote to its standard output
  Nanoseconds exit{};                     // until it had ended
  int status = 0;                         // as a shell tells it: 128 + signal where it was killed
};

// Runs `argv` once, its standard input and error at /dev/null, its output read through a pipe.
[[nodiscard]] absl::StatusOr<ProcessRun> RunProcess(const std::vector<std::string>& argv);

}  // namespace mayfly::bench
