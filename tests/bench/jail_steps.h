#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "jailer/jail.h"

namespace mayfly::bench {

// How long one step took, by its name.
struct JailStep {
  std::array<char, 32> name{};
  Nanoseconds took{};
};

// The way of a process from clone3(2) to its program, step by step: what jailer::Spawn() does, by
// the same functions, with a look at the clock after each. `jail`: none starts it as it is.
[[nodiscard]] absl::StatusOr<std::vector<JailStep>> MeasureWay(int program,
                                                               const jailer::Jail* jail);

// What mayfly-vmm does to itself: landlock, and a filter for each kind of thread. Each in a process
// of its own, since they stay.
[[nodiscard]] absl::StatusOr<std::vector<JailStep>> MeasureConfinement();

// clone3(2) alone, until the new process runs: with each kind of namespace by itself, and without.
// For root.
[[nodiscard]] absl::StatusOr<std::vector<JailStep>> MeasureNamespaces();

}  // namespace mayfly::bench
