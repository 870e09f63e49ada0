#pragma once

#include <sys/types.h>

#include <vector>

#include "absl/status/statusor.h"

namespace mayfly::api {

// Who is at the other end of a Unix socket, as of when it connected.
struct Peer {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups = {};  // the others that it is in

  // Errors: errno's.
  [[nodiscard]] static absl::StatusOr<Peer> Of(int socket);

  // Whether `user` is root, or the one that this process is: for whom there are no others' VMs.
  [[nodiscard]] static bool IsMaster(uid_t user);
  [[nodiscard]] bool IsMaster() const { return IsMaster(uid); }
  // Whether it may see and use what `owner` has launched.
  [[nodiscard]] bool MayUse(uid_t owner) const { return uid == owner || IsMaster(); }
};

}  // namespace mayfly::api
