#include "api/host/client_door.h"

#include <capnp/rpc-twoparty.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "api/codec/machine_spec.h"
#include "api/host/host_server.h"
#include "api/host/peer.h"

namespace mayfly::api {
namespace {

constexpr auto kSocketFlags = kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                              kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                              kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;
// Without descriptors or memory, nobody can be let in for a while.
constexpr auto kPause = 100 * kj::MILLISECONDS;
// The largest message, in words of 8 bytes: a specification, or a piece of a console's input, is
// far smaller.
constexpr uint64_t kMostMessageWords = uint64_t{1} << 20;
constexpr size_t kWordsInKilobyte = 1024 / sizeof(capnp::word);

struct Connection {
  Connection(kj::Own<kj::AsyncCapabilityStream> socket, kj::Own<HostServer> host,
             size_t words_in_flight)
      : stream(kj::mv(socket)),
        network(*stream, kMaxFdsPerMessage, capnp::rpc::twoparty::Side::SERVER,
                {.traversalLimitInWords = kMostMessageWords}),
        rpc(capnp::makeRpcServer(network, kj::mv(host))) {
    rpc.setFlowLimit(words_in_flight);
  }

  kj::Own<kj::AsyncCapabilityStream> stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

// What is over as soon as somebody else lets go of something.
[[nodiscard]] bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

ClientDoor::ClientDoor(kj::AsyncIoContext& io, int listening, Fleet& fleet,
                       rpc::HostConfig::Reader config)
    : io_(io),
      listening_(listening),
      fleet_(fleet),
      each_connection_(DecodeShare(config.getEachConnection())),
      call_words_each_connection_(size_t{config.getCallKilobytesEachConnection()} *
                                  kWordsInKilobyte),
      limits_(config),
      observer_(std::in_place, io.unixEventPort, listening,
                kj::UnixEventPort::FdObserver::OBSERVE_READ),
      connections_(*this) {
  accepting_ = Accept().eagerlyEvaluate(nullptr);
}

void ClientDoor::Close() {
  accepting_ = nullptr;
  observer_.reset();
}

kj::Promise<void> ClientDoor::Accept() {
  while (true) {
    OwnedFd socket(::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.valid()) {
      Serve(std::move(socket));
      continue;
    }
    if (IsShortage(errno)) {
      return io_.provider->getTimer().afterDelay(kPause).then([this] { return Accept(); });
    }
    // Others are a client's that is gone again.
    if (errno == EAGAIN) return observer_->whenBecomesReadable().then([this] { return Accept(); });
  }
}

void ClientDoor::Serve(OwnedFd socket) {
  const absl::StatusOr<Peer> peer = Peer::Of(socket.get());
  if (!peer.ok() || !limits_.Enter(*peer)) return;
  auto connection = kj::heap<Connection>(
      io_.lowLevelProvider->wrapUnixSocketFd(socket.release(), kSocketFlags),
      kj::heap<HostServer>(fleet_, limits_, *peer, each_connection_), call_words_each_connection_);
  auto gone = connection->network.onDisconnect();
  connections_.add(
      gone.attach(kj::mv(connection), kj::defer([this, peer = *peer] { limits_.Leave(peer); })));
}

}  // namespace mayfly::api
