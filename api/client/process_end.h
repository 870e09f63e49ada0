#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "jailer/spawn.h"

namespace mayfly::api {

// How a process of ours ends that lives by a socket, and what it says of it. Thread-safe.

// For a process whose socket is closed: waits for its end, a second at most; then it is made to
// end. Errors: those of waitid(2).
[[nodiscard]] absl::StatusOr<jailer::ProcessEnd> AwaitEnd(const jailer::ChildProcess& process);

// As it follows the name of the process: "exited with status 1".
[[nodiscard]] std::string Describe(const absl::StatusOr<jailer::ProcessEnd>& end);

// The last 4 KiB of what is in `pipe`, which is non-blocking, without the ends of the last line.
[[nodiscard]] std::string ReadLastWords(int pipe);

}  // namespace mayfly::api
