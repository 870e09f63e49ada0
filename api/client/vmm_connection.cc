#include "api/client/vmm_connection.h"

#include <utility>

#include "api/codec/machine_spec.h"
#include "base/status.h"
#include "base/unix_address.h"

namespace mayfly::api {
namespace {

constexpr auto kSocketFlags = kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                              kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                              kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;

}  // namespace

absl::StatusOr<kj::Own<VmmConnection>> VmmConnection::Open(kj::AsyncIoContext& io,
                                                           const std::string& path) {
  MAYFLY_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::At(path));
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd socket, address.Connect());
  return kj::heap<VmmConnection>(io, std::move(socket));
}

VmmConnection::VmmConnection(kj::AsyncIoContext& io, OwnedFd socket)
    : stream_(io.lowLevelProvider->wrapUnixSocketFd(socket.release(), kSocketFlags)),
      // A VMM is not trusted to fill our table.
      rpc_(*stream_, kMaxFilesLeft) {}

}  // namespace mayfly::api
