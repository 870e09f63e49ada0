#include "base/socket_pair.h"

#include <sys/socket.h>

#include <array>

#include "base/status.h"

namespace mayfly {
namespace {

[[nodiscard]] absl::StatusOr<SocketPair> MakeWith(int flags) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends.data()) != 0) {
    return ErrnoStatus("making a socket pair");
  }
  return SocketPair{.ours = OwnedFd(ends[0]), .theirs = OwnedFd(ends[1])};
}

}  // namespace

absl::StatusOr<SocketPair> SocketPair::Make() { return MakeWith(0); }

absl::StatusOr<SocketPair> SocketPair::MakeNonBlocking() { return MakeWith(SOCK_NONBLOCK); }

}  // namespace mayfly
