#include "api/host/openers.h"

#include <capnp/rpc-twoparty.h>
#include <fcntl.h>
#include <kj/async-unix.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "api/codec/file_arrivals.h"
#include "api/codec/machine_spec.h"
#include "api/codec/rpc_status.h"
#include "api/host/host_log.h"
#include "api/host/opener.h"
#include "base/socket_pair.h"
#include "base/status.h"
#include "jailer/spawn.h"

namespace mayfly::api {
namespace {

constexpr char kSelf[] = "/proc/self/exe";
constexpr char kNothing[] = "/dev/null";
constexpr auto kSocketFlags = kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                              kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC |
                              kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK;
// What decides which passt is started (api/client/passt_process.h).
constexpr std::array kVariables = {"MAYFLY_PASST", "PATH"};

struct Started {
  jailer::ChildProcess process;
  OwnedFd socket;
};

[[nodiscard]] absl::StatusOr<Started> Start(int program) {
  MAYFLY_ASSIGN_OR_RETURN(SocketPair socket, SocketPair::MakeNonBlocking());
  const OwnedFd nothing(::open(kNothing, O_RDWR | O_CLOEXEC));
  if (!nothing.valid()) return ErrnoStatus(absl::StrCat("opening ", kNothing));
  jailer::SpawnOptions options;
  options.program = program;
  options.arguments = {"mayflyd", kOpenerWord};
  options.fds = {{.source = nothing.get(), .target = STDIN_FILENO},
                 {.source = nothing.get(), .target = STDOUT_FILENO},
                 {.source = nothing.get(), .target = STDERR_FILENO},
                 {.source = socket.theirs.get(), .target = kOpenerSocket}};
  // It changes its user itself, behind the exec: until then this process stands still, and that
  // user could have it stand still for ever (SIGSTOP).
  options.privileges = jailer::Privileges::kKept;
  absl::StatusOr<jailer::ChildProcess> process = jailer::Spawn(options);
  if (!process.ok()) return Annotate(process.status(), "starting what opens files for a client");
  return Started{.process = *std::move(process), .socket = std::move(socket.ours)};
}

void SetUser(const Peer& peer, rpc::Opener::OpenParams::Builder params) {
  auto user = params.initUser();
  user.setId(peer.uid);
  user.setGroup(peer.gid);
  auto groups = user.initGroups(static_cast<capnp::uint>(peer.groups.size()));
  for (capnp::uint i = 0; i < groups.size(); ++i) groups.set(i, peer.groups[i]);
}

void SetEnvironment(rpc::Opener::OpenParams::Builder params) {
  auto environment = params.initEnvironment(kVariables.size());
  for (capnp::uint i = 0; i < kVariables.size(); ++i) {
    const char* const value = std::getenv(kVariables[i]);
    if (value != nullptr) environment.set(i, absl::StrCat(kVariables[i], "=", value).c_str());
  }
}

// A client that has given up the host service's rights is not to get them back from it.
[[nodiscard]] bool MustChangeUser(const Peer& peer) { return !peer.IsMaster(); }

[[nodiscard]] bool MayChangeUser() { return ::geteuid() == 0; }

}  // namespace

class Openers::Turn final {
 public:
  Turn(Openers& openers, uid_t user) : openers_(openers), user_(user) {}
  KJ_DISALLOW_COPY(Turn);
  ~Turn() noexcept(false) { openers_.Leave(user_); }

 private:
  Openers& openers_;
  const uid_t user_;
};

class Openers::Visit final {
 public:
  Visit(Openers& openers, Started started, kj::Own<Turn> turn)
      : openers_(openers),
        process_(std::move(started.process)),
        turn_(kj::mv(turn)),
        stream_(
            openers.io_.lowLevelProvider->wrapUnixSocketFd(started.socket.release(), kSocketFlags)),
        rpc_(*stream_, kMaxFdsPerMessage) {}
  KJ_DISALLOW_COPY(Visit);
  ~Visit() noexcept(false) {
    process_.Kill();
    openers_.Reap(std::move(process_), kj::mv(turn_));
  }

  [[nodiscard]] rpc::Opener::Client opener() { return rpc_.bootstrap().castAs<rpc::Opener>(); }

  // `found` becomes descriptors of ours.
  [[nodiscard]] kj::Promise<Files> Take(capnp::List<rpc::Found>::Reader found) {
    if (found.totalSize().capCount > kMaxFdsPerMessage || found.size() > kMaxFdsPerMessage) {
      return ToException(absl::ResourceExhaustedError("more has been opened than was asked for"));
    }
    files_.resize(found.size());
    for (capnp::uint i = 0; i < found.size(); ++i) {
      const auto sent = found[i].getFiles();
      files_[i].resize(sent.size());
      for (capnp::uint n = 0; n < sent.size(); ++n) {
        arrivals_.Expect("found", sent[n], files_[i][n]);
      }
    }
    return arrivals_.Receive().then([this](const absl::Status& status) -> kj::Promise<Files> {
      if (!status.ok()) return ToException(status);
      return std::move(files_);
    });
  }

 private:
  Openers& openers_;
  jailer::ChildProcess process_;
  kj::Own<Turn> turn_;
  Files files_;
  FileArrivals arrivals_;
  kj::Own<kj::AsyncCapabilityStream> stream_;
  capnp::TwoPartyClient rpc_;
};

absl::StatusOr<OwnedFd> Openers::OpenOurselves() {
  OwnedFd program(::open(kSelf, O_PATH | O_CLOEXEC));
  if (!program.valid()) return ErrnoStatus(absl::StrCat("opening ", kSelf));
  return program;
}

Openers::Openers(kj::AsyncIoContext& io, Settings settings)
    : io_(io), settings_(std::move(settings)), reaping_(*this) {}

kj::Promise<Openers::Files> Openers::Open(const Peer& peer, Fill fill) {
  if (MustChangeUser(peer) && !MayChangeUser()) {
    return ToException(absl::PermissionDeniedError(
        absl::StrCat("this host service is not root's, and opens files and networks for root and "
                     "the user ",
                     ::geteuid(), " only; send open ones")));
  }
  auto opened = Enter(peer.uid).then([this, peer, fill = kj::mv(fill)](kj::Own<Turn> turn) mutable {
    return Ask(peer, kj::mv(fill), kj::mv(turn));
  });
  auto late = io_.provider->getTimer()
                  .afterDelay(settings_.patience)
                  .then([patience = settings_.patience]() -> kj::Promise<Files> {
                    return ToException(absl::DeadlineExceededError(
                        absl::StrCat("it could not be opened within ", patience / kj::MILLISECONDS,
                                     " ms; is it on a file system that answers?")));
                  });
  return opened.exclusiveJoin(kj::mv(late));
}

kj::Promise<Openers::Files> Openers::Ask(const Peer& peer, Fill fill, kj::Own<Turn> turn) {
  absl::StatusOr<Started> started = Start(settings_.program.get());
  if (!started.ok()) return ToException(started.status());
  auto visit = kj::heap<Visit>(*this, *std::move(started), kj::mv(turn));
  auto request = visit->opener().openRequest();
  if (MustChangeUser(peer)) SetUser(peer, request);
  SetEnvironment(request);
  fill(request);
  return request.send()
      .then([&visit = *visit](capnp::Response<rpc::Opener::OpenResults>&& response) {
        return visit.Take(response.getFound());
      })
      .catch_([](kj::Exception&& exception) -> kj::Promise<Files> {
        const absl::Status status = FromException(exception);
        if (!absl::IsUnavailable(status)) return ToException(status);
        return ToException(absl::UnavailableError(
            "the process that was to open it with your rights has been ended"));
      })
      .attach(kj::mv(visit));
}

kj::Promise<kj::Own<Openers::Turn>> Openers::Enter(uid_t user) {
  User& entry = users_[user];
  if (entry.processes < settings_.most_each_user) {
    ++entry.processes;
    return kj::heap<Turn>(*this, user);
  }
  std::erase_if(entry.waiting, [](auto& waits) { return !waits->isWaiting(); });
  if (entry.waiting.size() >= settings_.most_waiting_each_user) {
    return ToException(absl::ResourceExhaustedError(
        absl::StrCat(entry.waiting.size(),
                     " launches of this user wait to have their files opened; await some")));
  }
  auto turn = kj::newPromiseAndFulfiller<kj::Own<Turn>>();
  entry.waiting.push_back(kj::mv(turn.fulfiller));
  return kj::mv(turn.promise);
}

void Openers::Leave(uid_t user) {
  User& entry = users_[user];
  while (!entry.waiting.empty()) {
    auto next = kj::mv(entry.waiting.front());
    entry.waiting.pop_front();
    // Otherwise it has given up.
    if (next->isWaiting()) return next->fulfill(kj::heap<Turn>(*this, user));
  }
  if (--entry.processes == 0) users_.erase(user);
}

// One that waits for a file system may take its time even then.
void Openers::Reap(jailer::ChildProcess process, kj::Own<Turn> turn) {
  auto observer = kj::heap<kj::UnixEventPort::FdObserver>(
      io_.unixEventPort, process.pidfd(), kj::UnixEventPort::FdObserver::OBSERVE_READ);
  auto ended = observer->whenBecomesReadable();
  reaping_.add(
      ended.attach(kj::mv(observer)).then([process = std::move(process), turn = kj::mv(turn)] {
        (void)process.TryWait();
      }));
}

void Openers::taskFailed(kj::Exception&& exception) {
  Log(LogLevel::ERROR, exception.getDescription().cStr());
}

}  // namespace mayfly::api
