#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <string>

#include "absl/status/statusor.h"
#include "api/client/paced_messages.h"
#include "api/mayfly.capnp.h"
#include "base/owned_fd.h"

namespace mayfly::api {

// Cap'n Proto over a Unix socket to a VMM, with descriptors as capabilities. Calls can be made at
// once, before the VMM reads its first: the socket keeps them. Dropping it closes the connection,
// and that ends the VM.
//
// Threading: the thread of `io`.
class VmmConnection final {
 public:
  // To a VMM that listens at `path` (mayfly-vmm --api, Vmm.listen). Errors: InvalidArgument for a
  // path that cannot be a socket's, errno's.
  [[nodiscard]] static absl::StatusOr<kj::Own<VmmConnection>> Open(kj::AsyncIoContext& io,
                                                                   const std::string& path);
  // `io` must outlive the connection. `socket` is non-blocking.
  VmmConnection(kj::AsyncIoContext& io, OwnedFd socket);
  KJ_DISALLOW_COPY(VmmConnection);

  // What the VMM offers first.
  [[nodiscard]] rpc::Vmm::Client vmm();

 private:
  kj::Own<kj::AsyncCapabilityStream> stream_;
  PacedMessages messages_;
  capnp::TwoPartyVatNetwork network_;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc_;
};

}  // namespace mayfly::api
