#include "api/client/vmm_connection.h"

#include "api/codec/machine_spec.h"

namespace mayfly::api {
namespace {

constexpr auto kSocketFlags = kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                              kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                              kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;

}  // namespace

VmmConnection::VmmConnection(kj::AsyncIoContext& io, OwnedFd socket)
    : stream_(io.lowLevelProvider->wrapUnixSocketFd(socket.release(), kSocketFlags)),
      // A VMM is not trusted to fill our table.
      rpc_(*stream_, kMaxFilesLeft) {}

}  // namespace mayfly::api
