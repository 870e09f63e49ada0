#include "api/host/peer.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/status.h"

namespace mayfly::api {
namespace {

constexpr uid_t kRoot = 0;

}  // namespace

absl::StatusOr<Peer> Peer::Of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return ErrnoStatus("asking who has connected (SO_PEERCRED)");
  }
  return Peer{.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
}

bool Peer::IsMaster(uid_t user) { return user == kRoot || user == ::geteuid(); }

}  // namespace mayfly::api
