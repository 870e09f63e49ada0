#pragma once

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "api/host/call_limit.h"
#include "api/host/connection_limits.h"
#include "api/host/fleet.h"
#include "api/host/named_files.h"
#include "api/host/peer.h"
#include "api/host/quota.h"
#include "api/mayfly.capnp.h"
#include "api/server/listener_share.h"

namespace mayfly::api {

// What mayflyd offers to one client: the `Host` capability.
class HostServer final : public rpc::Host::Server {
 public:
  // `connection`: what this one may have. `client` ends what goes with the client, who may be gone
  // before its calls are. The others must outlive it.
  HostServer(Fleet& fleet, const ConnectionLimits& connections, Peer peer,
             const VmTotals& connection, std::shared_ptr<kj::Canceler> client)
      : fleet_(fleet),
        connections_(connections),
        peer_(peer),
        quota_(std::make_shared<Quota>("this connection", connection)),
        client_(std::move(client)) {}
  KJ_DISALLOW_COPY(HostServer);
  // As soon as the connection has ended, or, where that is later, its last call.
  ~HostServer() noexcept(false) { listeners_->Close(); }

  DispatchCallResult dispatchCall(
      uint64_t interface_id, uint16_t method_id,
      capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override;

 protected:
  kj::Promise<void> launch(LaunchContext context) override;
  kj::Promise<void> get(GetContext context) override;
  kj::Promise<void> list(ListContext context) override;
  kj::Promise<void> events(EventsContext context) override;
  kj::Promise<void> capacity(CapacityContext context) override;
  kj::Promise<void> stats(StatsContext context) override;
  kj::Promise<void> drain(DrainContext context) override;
  kj::Promise<void> inspect(InspectContext context) override;

 private:
  static constexpr size_t kMostListeners = 16;

  // All of launch() but for its failures.
  [[nodiscard]] kj::Promise<void> Admit(LaunchContext context);
  // `files`: what the client does not bring itself.
  [[nodiscard]] kj::Promise<void> Launch(LaunchContext context, VmFacts facts, NamedFiles files);

  Fleet& fleet_;
  const ConnectionLimits& connections_;
  const Peer peer_;
  const std::shared_ptr<Quota> quota_;
  const std::shared_ptr<kj::Canceler> client_;
  const std::shared_ptr<ListenerShare> listeners_ =
      std::make_shared<ListenerShare>("this connection", kMostListeners);
  const std::shared_ptr<CallLimit> calls_ = std::make_shared<CallLimit>();
  CallLimit lists_{CallLimit::kMostLists};
};

}  // namespace mayfly::api
