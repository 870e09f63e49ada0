#pragma once

#include <string_view>

#include "absl/strings/string_view.h"

namespace mayfly::cli {

// To standard output; answers the exit code: 0, or kFailure where it cannot be written, which it
// complains about.
[[nodiscard]] int Print(std::string_view text);
// "mayfly: <sentence>" to standard error, in one write.
void Complain(absl::string_view sentence);

}  // namespace mayfly::cli
