#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "virtio/rate/rate_limiter.h"

namespace mayfly::cli {

// "key" or "key=value".
struct OptionWord {
  std::string_view key;
  std::optional<std::string_view> value;
};

// Between commas: "a,b=c" is two. At least one, which may be empty.
[[nodiscard]] std::vector<std::string_view> SplitWords(std::string_view text);
[[nodiscard]] OptionWord SplitWord(std::string_view word);

// InvalidArgument: "<option>: <what>".
[[nodiscard]] absl::Status BadOption(std::string_view option, std::string_view what);

// A whole decimal number from `least` to `most`. Errors: InvalidArgument.
[[nodiscard]] absl::StatusOr<uint64_t> ParseNumber(std::string_view text, uint64_t least,
                                                   uint64_t most);

enum class RateUnit { kOperations, kBytes };

// "500" or "500:1000": so many in a second, and at once. Bytes may have units: "10M:64M". Errors:
// InvalidArgument.
[[nodiscard]] absl::StatusOr<virtio::RateLimit> ParseRate(std::string_view text, RateUnit unit);

}  // namespace mayfly::cli
