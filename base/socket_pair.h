#pragma once

#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly {

// Two connected Unix stream sockets, close-on-exec: one for us, one for another process.
struct SocketPair final {
  // Errors: errno's.
  [[nodiscard]] static absl::StatusOr<SocketPair> Make();
  // As KJ wants them.
  [[nodiscard]] static absl::StatusOr<SocketPair> MakeNonBlocking();

  OwnedFd ours;
  OwnedFd theirs;
};

}  // namespace mayfly
