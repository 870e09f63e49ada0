#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mayfly::cli {

// A word about a VM, for those who run many.
struct LabelOption {
  std::string name;
  std::string value;
};

// "NAME=VALUE"; the value may be empty. What a name may be is for the host service to say. Errors:
// InvalidArgument, one sentence that begins with "--label".
[[nodiscard]] absl::StatusOr<LabelOption> ParseLabelOption(std::string_view text);

}  // namespace mayfly::cli
