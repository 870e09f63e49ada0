#include "base/unix_address.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly {

absl::StatusOr<UnixAddress> UnixAddress::At(const std::string& path) {
  UnixAddress result;
  // With a zero at its end, and none within it.
  const size_t room = sizeof(result.address_.sun_path) - 1;
  if (path.empty() || path.size() > room || path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("\"", path,
                                                   "\" cannot be the path of a Unix socket, which "
                                                   "has 1 to ",
                                                   room, " bytes"));
  }
  result.address_.sun_family = AF_UNIX;
  path.copy(result.address_.sun_path, room);
  return result;
}

absl::StatusOr<OwnedFd> UnixAddress::Connect() const {
  OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return ErrnoStatus("making a socket");
  if (::connect(socket.get(), get(), size()) != 0) {
    return ErrnoStatus(absl::StrCat("connecting to ", address_.sun_path));
  }
  return socket;
}

}  // namespace mayfly
