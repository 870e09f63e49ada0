#pragma once

#include <string>

#include "absl/status/status.h"
#include "api/mayfly.capnp.h"

namespace mayfly::cli {

// Reads a specification: JSON, or Cap'n Proto's text where it begins with '('. Errors:
// InvalidArgument with the file's name, and the line or the field.
[[nodiscard]] absl::Status ReadSpecFile(const std::string& path, rpc::MachineSpec::Builder spec);

}  // namespace mayfly::cli
