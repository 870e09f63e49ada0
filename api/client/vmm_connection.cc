#include "api/client/vmm_connection.h"

namespace mayfly::api {
namespace {

constexpr auto kSocketFlags = kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                              kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                              kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;

}  // namespace

VmmConnection::VmmConnection(kj::AsyncIoContext& io, OwnedFd socket)
    : stream_(io.lowLevelProvider->wrapUnixSocketFd(socket.release(), kSocketFlags)),
      rpc_(*stream_, kMaxFdsFromVmm) {}

}  // namespace mayfly::api
