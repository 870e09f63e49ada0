#pragma once

#include <capnp/dynamic.h>

#include <string>

namespace mayfly::cli {

// `message` as JSON for programs, with a line feed at its end. 64-bit numbers are strings, as most
// readers of JSON would round them otherwise; MAC addresses and IpPrefixes are texts, as
// specifications have them.
[[nodiscard]] std::string ToJson(capnp::DynamicStruct::Reader message);
// Without line feeds within: for one of many.
[[nodiscard]] std::string ToJsonLine(capnp::DynamicStruct::Reader message);

}  // namespace mayfly::cli
