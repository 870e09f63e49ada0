#include "api/host/client_door.h"

#include <capnp/rpc-twoparty.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/client/paced_messages.h"
#include "api/codec/machine_spec.h"
#include "api/host/host_log.h"
#include "api/host/host_server.h"
#include "api/host/peer.h"

namespace mayfly::api {
namespace {

constexpr auto kSocketFlags = kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                              kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                              kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;
// Without descriptors or memory, nobody can be let in for a while.
constexpr auto kPause = 100 * kj::MILLISECONDS;
// Who has more calls in progress than are taken is not read, and so his end is not found behind
// what he has said; who is read has been read to that end by then.
constexpr auto kPatienceWithTheUnread = 5 * kj::SECONDS;
// The largest message, in words of 8 bytes: a specification, or a piece of a console's input, is
// far smaller.
constexpr uint64_t kMostMessageWords = uint64_t{1} << 20;
constexpr size_t kWordsInKilobyte = 1024 / sizeof(capnp::word);

// Then others have their turn.
constexpr unsigned kMostInATurn = 16;

struct Connection {
  Connection(kj::Own<kj::AsyncCapabilityStream> socket, kj::Own<HostServer> host,
             std::shared_ptr<kj::Canceler> client, size_t words_in_flight)
      : client_calls(std::move(client)),
        stream(kj::mv(socket)),
        messages(*stream, [this] { return network.getCurrentQueueSize(); }),
        network(messages, kMaxFdsPerMessage, capnp::rpc::twoparty::Side::SERVER,
                {.traversalLimitInWords = kMostMessageWords}),
        rpc(capnp::makeRpcServer(network, kj::mv(host))) {
    rpc.setFlowLimit(words_in_flight);
  }
  KJ_DISALLOW_COPY(Connection);
  ~Connection() noexcept(false) { client_calls->cancel("the client is gone"); }

  const std::shared_ptr<kj::Canceler> client_calls;
  kj::Own<kj::AsyncCapabilityStream> stream;
  PacedMessages messages;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

// Whether only the client is affected that was about to come in, and is gone again.
[[nodiscard]] bool IsOfOne(int error) { return error == ECONNABORTED || error == EINTR; }

}  // namespace

ClientDoor::ClientDoor(kj::AsyncIoContext& io, int listening, Fleet& fleet,
                       rpc::HostConfig::Reader config, uint32_t connections)
    : io_(io),
      listening_(listening),
      fleet_(fleet),
      each_connection_(DecodeShare(config.getEachConnection())),
      call_words_each_connection_(size_t{config.getCallKilobytesEachConnection()} *
                                  kWordsInKilobyte),
      limits_(connections, config),
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
  for (unsigned tried = 0; tried < kMostInATurn; ++tried) {
    OwnedFd socket(::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    const int error = errno;
    if (socket.valid()) {
      KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&] { Serve(std::move(socket)); })) {
        Log(LogLevel::DEBUG,
            absl::StrCat("letting a client in: ", exception->getDescription().cStr()));
      }
    } else if (error == EAGAIN) {
      return observer_->whenBecomesReadable().then([this] { return Accept(); });
    } else if (!IsOfOne(error)) {
      // A shortage, which is over as soon as somebody lets go of something.
      return io_.provider->getTimer().afterDelay(kPause).then([this] { return Accept(); });
    }
  }
  return kj::evalLast([this] { return Accept(); });
}

void ClientDoor::Serve(OwnedFd socket) {
  const absl::StatusOr<Peer> peer = Peer::Of(socket.get());
  if (!peer.ok() || !limits_.Enter(*peer)) return;
  auto left = kj::defer([this, peer = *peer] { limits_.Leave(peer); });
  auto client = std::make_shared<kj::Canceler>();
  auto connection =
      kj::heap<Connection>(io_.lowLevelProvider->wrapUnixSocketFd(socket.release(), kSocketFlags),
                           kj::heap<HostServer>(fleet_, limits_, *peer, each_connection_, client),
                           client, call_words_each_connection_);
  auto unheard = connection->stream->whenWriteDisconnected().then(
      [this] { return io_.provider->getTimer().afterDelay(kPatienceWithTheUnread); });
  auto gone = connection->network.onDisconnect().exclusiveJoin(kj::mv(unheard));
  connections_.add(gone.attach(kj::mv(connection), kj::mv(left)));
}

}  // namespace mayfly::api
