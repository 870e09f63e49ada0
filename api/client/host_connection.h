#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <string>

#include "absl/status/statusor.h"
#include "api/mayfly.capnp.h"

namespace mayfly::api {

// Where mayflyd listens unless told otherwise: /run/mayfly/mayflyd.sock for root,
// $XDG_RUNTIME_DIR/mayfly/mayflyd.sock for others. Empty where that is not set.
[[nodiscard]] std::string DefaultHostSocket();

// Cap'n Proto over a Unix socket to a host service, with descriptors as capabilities. Dropping it
// closes the connection, and that ends the VMs launched on it.
//
// Threading: the thread of `io`.
class HostConnection final {
 public:
  // Connects to the socket at `path`. `io` must outlive the connection. Errors: Unavailable where
  // nobody listens, PermissionDenied, others, each with what to do.
  [[nodiscard]] static absl::StatusOr<kj::Own<HostConnection>> Open(kj::AsyncIoContext& io,
                                                                    const std::string& path);
  // Over a stream that is connected already.
  explicit HostConnection(kj::Own<kj::AsyncCapabilityStream> stream);
  KJ_DISALLOW_COPY(HostConnection);

  // What the service offers first. Asked for once: a lost connection cannot be asked again.
  [[nodiscard]] rpc::Host::Client host() { return host_; }

  // Fulfilled when the service has closed the connection, or died.
  [[nodiscard]] kj::Promise<void> WhenLost() { return rpc_.onDisconnect(); }

 private:
  // The service has no descriptors for us; but with a limit of none Cap'n Proto would not send ours
  // either.
  static constexpr unsigned kMaxFdsFromHost = 1;

  kj::Own<kj::AsyncCapabilityStream> stream_;
  capnp::TwoPartyClient rpc_;
  rpc::Host::Client host_;
};

}  // namespace mayfly::api
