#pragma once

#include <capnp/dynamic.h>

#include <string_view>

#include "absl/status/status.h"

namespace mayfly::cli {

// Reads JSON into a struct of Cap'n Proto's, as JsonCodec does, but with errors that name the field
// ("disks[0].engine") or the line, and for people: whole numbers may be strings with a unit
// ("512M"), IpPrefix is "192.0.2.0/24", a MAC address "02:00:00:00:00:01". Errors: InvalidArgument.
[[nodiscard]] absl::Status DecodeJson(std::string_view text, capnp::DynamicStruct::Builder into);

}  // namespace mayfly::cli
