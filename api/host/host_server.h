#pragma once

#include "api/host/fleet.h"
#include "api/host/peer.h"
#include "api/mayfly.capnp.h"

namespace mayfly::api {

// What mayflyd offers to one client: the `Host` capability.
class HostServer final : public rpc::Host::Server {
 public:
  // `fleet` must outlive it.
  HostServer(Fleet& fleet, Peer peer) : fleet_(fleet), peer_(peer) {}

 protected:
  kj::Promise<void> launch(LaunchContext context) override;
  kj::Promise<void> get(GetContext context) override;
  kj::Promise<void> list(ListContext context) override;

 private:
  Fleet& fleet_;
  const Peer peer_;
};

}  // namespace mayfly::api
