#pragma once

#include "absl/status/statusor.h"
#include "api/mayfly.capnp.h"
#include "jailer/cgroup/cgroup_limits.h"

namespace mayfly::api {

void EncodeResourceLimits(const jailer::CgroupLimits& limits, rpc::ResourceLimits::Builder builder);

// Errors: InvalidArgument naming the field.
[[nodiscard]] absl::StatusOr<jailer::CgroupLimits> DecodeResourceLimits(
    rpc::ResourceLimits::Reader reader);

}  // namespace mayfly::api
