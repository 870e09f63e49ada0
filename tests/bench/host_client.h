#pragma once

#include <kj/async-io.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "api/client/host_connection.h"
#include "api/mayfly.capnp.h"
#include "base/clock.h"
#include "base/owned_fd.h"

namespace mayfly::bench {

// What is measured of a host service, from a client's side. Errors: those that the service tells.
//
// Threading: the thread of `io`.
class HostClient final {
 public:
  // `io` must outlive it.
  [[nodiscard]] static absl::StatusOr<HostClient> Open(kj::AsyncIoContext& io,
                                                       const std::string& socket);

  // One call that asks for next to nothing: the VMs with a label that none has.
  [[nodiscard]] absl::StatusOr<Nanoseconds> CallOnce();
  // One call that tells of all VMs.
  [[nodiscard]] absl::StatusOr<Nanoseconds> ListAll(size_t expected);

  struct Launches {
    std::vector<Nanoseconds> each;  // from the call until the exit status arrived
    Nanoseconds all{};
  };
  // `count` VMs that run `kernel` until it ends with status 0, all asked for before any is waited
  // for: launch, start and wait are one round trip each.
  [[nodiscard]] absl::StatusOr<Launches> Run(const std::string& kernel, size_t count);

  // Launches `count` VMs that run `kernel` and stay until this client goes.
  [[nodiscard]] absl::Status Keep(const std::string& kernel, size_t count);

 private:
  HostClient(kj::AsyncIoContext& io, kj::Own<api::HostConnection> connection)
      : io_(&io), connection_(kj::mv(connection)), host_(connection_->host()) {}

  [[nodiscard]] absl::StatusOr<rpc::Machine::Client> Launch(const std::string& kernel);

  kj::AsyncIoContext* io_;
  kj::Own<api::HostConnection> connection_;
  rpc::Host::Client host_;
  std::vector<rpc::Machine::Client> kept_;
};

}  // namespace mayfly::bench
