#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"

namespace mayfly::cli {

// "64M", "1G", "512MiB", "4096" (bytes): powers of 1024; the unit's case does not matter.
// Errors (both): InvalidArgument with what would be understood.
[[nodiscard]] absl::StatusOr<uint64_t> ParseSize(std::string_view text);

// "500ms", "10s", "1.5s", "2m", "1h", "250us"; a number alone means seconds, as for timeout(1).
[[nodiscard]] absl::StatusOr<Nanoseconds> ParseDuration(std::string_view text);

// For people: "128 MiB", "1.5 GiB".
[[nodiscard]] std::string FormatSize(uint64_t bytes);

}  // namespace mayfly::cli
