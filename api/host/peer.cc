#include "api/host/peer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/status.h"

namespace mayfly::api {
namespace {

constexpr uid_t kRoot = 0;

[[nodiscard]] absl::StatusOr<std::vector<gid_t>> GroupsOf(int socket) {
  std::vector<gid_t> groups;
  while (true) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    const bool is_known =
        ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0;
    // ERANGE: there is room for less than `size`.
    if (!is_known && errno != ERANGE) {
      return ErrnoStatus("asking for the groups of who has connected (SO_PEERGROUPS)");
    }
    groups.resize(size / sizeof(gid_t));
    if (is_known) return groups;
  }
}

}  // namespace

absl::StatusOr<Peer> Peer::Of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return ErrnoStatus("asking who has connected (SO_PEERCRED)");
  }
  MAYFLY_ASSIGN_OR_RETURN(std::vector<gid_t> groups, GroupsOf(socket));
  return Peer{.uid = credentials.uid, .gid = credentials.gid, .groups = std::move(groups)};
}

bool Peer::IsMaster(uid_t user) { return user == kRoot || user == ::geteuid(); }

}  // namespace mayfly::api
