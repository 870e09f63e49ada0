#pragma once

#include <capnp/dynamic.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace mayfly::cli {

// What messages call the file at `path`.
[[nodiscard]] std::string MessageFileName(const std::string& path);

// Reads a struct from a file that people write: JSON, or Cap'n Proto's text where it begins with
// '('. "-" is standard input; `role` is what the file is to be, such as "specification". Errors:
// InvalidArgument with the file's name, and the line or the field.
[[nodiscard]] absl::Status ReadMessageFile(std::string_view role, const std::string& path,
                                           capnp::DynamicStruct::Builder into);

}  // namespace mayfly::cli
