#pragma once

#include "absl/status/status.h"
#include "api/cli/run_options.h"
#include "api/mayfly.capnp.h"

namespace mayfly::cli {

// What the options would be that say the same as `spec`, into `options`, whose values stay where
// the specification has nothing. Errors: InvalidArgument naming the field.
[[nodiscard]] absl::Status ApplySpec(rpc::MachineSpec::Reader spec, RunOptions& options);

// For `mayfly run --file`: reads the file at `path`, and does the same.
[[nodiscard]] absl::Status ReadSpec(const std::string& path, RunOptions& options);

}  // namespace mayfly::cli
