#pragma once

#include <string_view>

namespace mayfly::api {

// Of every program of this repository; CHANGELOG.md says what is in it.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace mayfly::api
