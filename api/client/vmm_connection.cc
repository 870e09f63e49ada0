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

// A VMM is not trusted: what its calls in progress may take, in words; a console's window is 64
// KiB.
constexpr size_t kMostWordsInFlight = (size_t{8} << 20) / sizeof(capnp::word);

}  // namespace

absl::StatusOr<kj::Own<VmmConnection>> VmmConnection::Open(kj::AsyncIoContext& io,
                                                           const std::string& path) {
  MAYFLY_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::At(path));
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd socket, address.Connect());
  return kj::heap<VmmConnection>(io, std::move(socket));
}

VmmConnection::VmmConnection(kj::AsyncIoContext& io, OwnedFd socket)
    : stream_(io.lowLevelProvider->wrapUnixSocketFd(socket.release(), kSocketFlags)),
      messages_(*stream_, [this] { return network_.getCurrentQueueSize(); }),
      // Nor is it trusted to fill our table.
      network_(messages_, kMaxFilesLeft, capnp::rpc::twoparty::Side::CLIENT),
      rpc_(capnp::makeRpcClient(network_)) {
  rpc_.setFlowLimit(kMostWordsInFlight);
}

rpc::Vmm::Client VmmConnection::vmm() {
  capnp::MallocMessageBuilder message;
  auto id = message.initRoot<capnp::rpc::twoparty::VatId>();
  id.setSide(capnp::rpc::twoparty::Side::SERVER);
  return rpc_.bootstrap(id).castAs<rpc::Vmm>();
}

}  // namespace mayfly::api
