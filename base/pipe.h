#pragma once

#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly {

// Both ends of a pipe, close-on-exec.
struct Pipe final {
  // Errors: errno's.
  [[nodiscard]] static absl::StatusOr<Pipe> Make();
  // Neither end waits, in whatever process it is: for a writer that must not be held up by a reader
  // who takes its time.
  [[nodiscard]] static absl::StatusOr<Pipe> MakeNonBlocking();

  OwnedFd reader;
  OwnedFd writer;
};

}  // namespace mayfly
