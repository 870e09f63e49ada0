#include "api/server/connections.h"

#include <capnp/rpc-twoparty.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "api/codec/machine_spec.h"
#include "api/codec/rpc_status.h"

namespace mayfly::api {
namespace {

constexpr unsigned kAcceptedFlags = kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                                    kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                                    kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;
// When the host had no descriptor or memory for a connection, which waits meanwhile.
constexpr auto kPatience = 100 * kj::MILLISECONDS;

[[nodiscard]] bool IsListening(int socket) {
  int listening = 0;
  socklen_t size = sizeof listening;
  return ::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

}  // namespace

kj::Promise<void> Connections::Serve(int socket, unsigned flags, rpc::Vmm::Client vmm) {
  struct Connection {
    Connection(kj::Own<kj::AsyncCapabilityStream> its_stream, rpc::Vmm::Client vmm)
        : stream(kj::mv(its_stream)),
          network(*stream, kMaxFdsPerMessage, capnp::rpc::twoparty::Side::SERVER),
          rpc(capnp::makeRpcServer(network, kj::mv(vmm))) {}

    kj::Own<kj::AsyncCapabilityStream> stream;
    capnp::TwoPartyVatNetwork network;
    capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
  };
  auto connection =
      kj::heap<Connection>(io_.lowLevelProvider->wrapUnixSocketFd(socket, flags), kj::mv(vmm));
  auto gone = connection->network.onDisconnect();
  return gone.attach(kj::mv(connection));
}

absl::Status Connections::Listen(OwnedFd socket, rpc::Vmm::Client vmm) {
  if (!IsListening(socket.get())) {
    return absl::InvalidArgumentError("socket: it is not a listening Unix socket");
  }
  listener_.emplace(std::move(socket), kj::mv(vmm));
  AwaitNext();
  return absl::OkStatus();
}

void Connections::AwaitNext() {
  if (!listener_ || accepted_ == kMost) return;
  Listener& listener = *listener_;
  listener.observer.reset();
  listener.observer.emplace(io_.unixEventPort, listener.socket.get(),
                            kj::UnixEventPort::FdObserver::OBSERVE_READ);
  listener.task =
      listener.observer->whenBecomesReadable().then([this] { Accept(); }).eagerlyEvaluate(nullptr);
}

void Connections::Accept() {
  const int socket =
      ::accept4(listener_->socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (socket >= 0) return ServeAccepted(socket);
  if (errno == EINVAL) return;  // shut down: nobody can come any more
  auto pause = io_.unixEventPort.getTimer().afterDelay(kPatience);
  tasks_.add(pause.then([this] { AwaitNext(); }));
}

void Connections::ServeAccepted(int socket) {
  ++accepted_;
  // Whatever it fails by, be it for want of descriptors, the place is free again.
  auto gone = kj::evalNow([&] {
                return Serve(socket, kAcceptedFlags, listener_->vmm);
              }).catch_([](kj::Exception&&) {});
  tasks_.add(gone.then([this] {
    const bool were_too_many = accepted_-- == kMost;
    if (were_too_many) AwaitNext();
  }));
  // Not at once: the promise that this is called from would be gone.
  tasks_.add(kj::evalLater([this] { AwaitNext(); }));
}

}  // namespace mayfly::api
