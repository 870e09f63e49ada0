#pragma once

#include <string_view>

namespace mayfly::api {

// Of every program of this repository; CHANGELOG.md says what is in it.
inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr std::string_view kVersionDate = "2026-11-21";

}  // namespace mayfly::api
