#pragma once

#include <kj/async-io.h>
#include <kj/async-unix.h>

#include <optional>

#include "api/host/connection_limits.h"
#include "api/host/fleet.h"
#include "api/host_config.capnp.h"
#include "base/owned_fd.h"

namespace mayfly::api {

// Lets clients in: each connection to a listening socket is offered a HostServer of its own, and
// with its end goes all that its client held.
//
// Threading: the thread of `io`.
class ClientDoor final : private kj::TaskSet::ErrorHandler {
 public:
  // `listening`, non-blocking, must stay open until Close(); all else must outlive the door.
  // `connections`: as many as can be had.
  ClientDoor(kj::AsyncIoContext& io, int listening, Fleet& fleet, rpc::HostConfig::Reader config,
             uint32_t connections);
  KJ_DISALLOW_COPY(ClientDoor);

  // Lets nobody in any more; those who are in stay.
  void Close();
  [[nodiscard]] const ConnectionLimits& connections() const { return limits_; }

 private:
  [[nodiscard]] kj::Promise<void> Accept();
  void Serve(OwnedFd socket);
  void taskFailed(kj::Exception&& /*exception*/) override {}

  kj::AsyncIoContext& io_;
  const int listening_;
  Fleet& fleet_;
  const VmTotals each_connection_;
  const size_t call_words_each_connection_;
  ConnectionLimits limits_;
  std::optional<kj::UnixEventPort::FdObserver> observer_;  // as long as it is open
  kj::Promise<void> accepting_ = nullptr;
  kj::TaskSet connections_;  // the last member, so that it goes first
};

}  // namespace mayfly::api
