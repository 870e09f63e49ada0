#pragma once

#include <kj/async-io.h>
#include <kj/async-unix.h>

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "api/mayfly.capnp.h"
#include "base/owned_fd.h"

namespace mayfly::api {

// Those who speak to a VMM: over the socket that it was started with, and over what they connect to
// later.
//
// Threading: the api thread's.
class Connections final : private kj::TaskSet::ErrorHandler {
 public:
  // At once. Who comes later waits in the socket's backlog until another has gone.
  static constexpr unsigned kMost = 16;

  // `io` must outlive it.
  explicit Connections(kj::AsyncIoContext& io) : io_(io), tasks_(*this) {}
  KJ_DISALLOW_COPY(Connections);

  // Offers `vmm` on a Unix stream socket. `flags` of kj::LowLevelAsyncIoProvider say who owns the
  // descriptor. Fulfilled when the other side has gone.
  [[nodiscard]] kj::Promise<void> Serve(int socket, unsigned flags, rpc::Vmm::Client vmm);
  // Offers `vmm` to whoever connects to `socket`, a listening Unix stream socket, in place of any
  // before. Errors: InvalidArgument.
  [[nodiscard]] absl::Status Listen(OwnedFd socket, rpc::Vmm::Client vmm);
  [[nodiscard]] bool listens() const { return listener_.has_value(); }

 private:
  struct Listener {
    Listener(OwnedFd its_socket, rpc::Vmm::Client its_vmm)
        : socket(std::move(its_socket)), vmm(kj::mv(its_vmm)) {}

    OwnedFd socket;
    rpc::Vmm::Client vmm;
    // Made anew for each connection: so it says whether one waits, whatever was seen before, and
    // accept4(2) waits for none, be the socket non-blocking or not.
    std::optional<kj::UnixEventPort::FdObserver> observer;
    kj::Promise<void> task = nullptr;  // the last member, so that it goes first
  };

  void AwaitNext();
  void Accept();
  void ServeAccepted(int socket);
  void taskFailed(kj::Exception&& /*exception*/) override {}

  kj::AsyncIoContext& io_;
  unsigned accepted_ = 0;  // and not gone yet
  std::optional<Listener> listener_;
  kj::TaskSet tasks_;  // the last member, so that it goes first
};

}  // namespace mayfly::api
