#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "api/client/passt_process.h"
#include "api/mayfly.capnp.h"

namespace mayfly::api {

// The ports that lead into a user network. Errors: InvalidArgument, naming the field, whose list is
// `field`.
[[nodiscard]] absl::StatusOr<std::vector<PasstForward>> DecodeForwards(const std::string& field,
                                                                       rpc::UserNet::Reader reader);

void EncodeForwards(const std::vector<PasstForward>& forwards, rpc::UserNet::Builder builder);

}  // namespace mayfly::api
