#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "api/host/peer.h"
#include "api/mayfly.capnp.h"

namespace mayfly::api {

// The files that a specification names and does not bring, for clients that cannot send open ones.
// They are opened with this process's rights, and so for those alone who may do everything here
// already.
class NamedFiles final {
 public:
  // Errors: InvalidArgument for a path that is not absolute or cannot be opened, PermissionDenied
  // for other clients; each names the field.
  [[nodiscard]] static absl::StatusOr<NamedFiles> Open(const Peer& peer,
                                                       rpc::MachineSpec::Reader spec);

  // Adds them to a copy of that specification. Once.
  void PutInto(rpc::MachineSpec::Builder spec);

 private:
  NamedFiles() = default;

  std::vector<rpc::File::Client> files_;  // in the order in which a specification has them
};

}  // namespace mayfly::api
