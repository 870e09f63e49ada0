#include "api/client/host_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "base/unix_address.h"

namespace mayfly::api {
namespace {

constexpr char kRootsSocket[] = "/run/mayfly/mayflyd.sock";
constexpr char kUsersSocket[] = "/mayfly/mayflyd.sock";
constexpr auto kSocketFlags = kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                              kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                              kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;

[[nodiscard]] absl::Status CannotConnect(const std::string& path, int error) {
  const absl::Status status =
      ErrnoStatus(absl::StrCat("connecting to the host service at ", path), error);
  switch (error) {
    case ENOENT:
    case ECONNREFUSED:
      return absl::UnavailableError(
          absl::StrCat(status.message(), "; start it: mayflyd --socket ", path));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat(status.message(), "; its socket says who may"));
    default:
      return status;
  }
}

}  // namespace

std::string DefaultHostSocket() {
  if (::geteuid() == 0) return kRootsSocket;
  const char* const directory = std::getenv("XDG_RUNTIME_DIR");
  return directory == nullptr || *directory == '\0' ? std::string()
                                                    : absl::StrCat(directory, kUsersSocket);
}

absl::StatusOr<kj::Own<HostConnection>> HostConnection::Open(kj::AsyncIoContext& io,
                                                             const std::string& path) {
  MAYFLY_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::At(path));
  OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return ErrnoStatus("making a socket");
  if (::connect(socket.get(), address.get(), address.size()) != 0) {
    return CannotConnect(path, errno);
  }
  return kj::heap<HostConnection>(
      io.lowLevelProvider->wrapUnixSocketFd(socket.release(), kSocketFlags));
}

HostConnection::HostConnection(kj::Own<kj::AsyncCapabilityStream> stream)
    : stream_(kj::mv(stream)),
      rpc_(*stream_, kMaxFdsFromHost),
      host_(rpc_.bootstrap().castAs<rpc::Host>()) {}

}  // namespace mayfly::api
