#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "api/host/vm.h"
#include "api/mayfly.capnp.h"

namespace mayfly::api {

// What a client asks for, before anything is made of it: what is not good is refused with the name
// of the field, InvalidArgument. What a machine can be is for its VMM to judge.

[[nodiscard]] absl::Status CheckNameLength(std::string_view name);
// An empty one is good.
[[nodiscard]] absl::Status CheckName(std::string_view name);

[[nodiscard]] absl::StatusOr<std::vector<VmLabel>> DecodeLabels(
    const std::string& field, capnp::List<rpc::Label>::Reader reader);

// Of Host.launch, all but the owner and what only the Fleet knows.
[[nodiscard]] absl::StatusOr<VmFacts> DecodeFacts(rpc::Host::LaunchParams::Reader params);

}  // namespace mayfly::api
