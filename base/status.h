#pragma once

#include <cerrno>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Returns from the enclosing function when `expression` is not OK.
#define MAYFLY_RETURN_IF_ERROR(expression)                        \
  do {                                                            \
    if (auto mayfly_status = (expression); !mayfly_status.ok()) { \
      return mayfly_status;                                       \
    }                                                             \
  } while (false)

// Evaluates a StatusOr `expression`; assigns its value to `lhs` (which may declare) or returns its
// status.
#define MAYFLY_ASSIGN_OR_RETURN(lhs, expression) \
  MAYFLY_ASSIGN_OR_RETURN_IMPL(MAYFLY_CONCAT(mayfly_or_, __LINE__), lhs, expression)
#define MAYFLY_ASSIGN_OR_RETURN_IMPL(name, lhs, expression) \
  auto name = (expression);                                 \
  if (!name.ok()) return std::move(name).status();          \
  lhs = *std::move(name)
#define MAYFLY_CONCAT(a, b) MAYFLY_CONCAT_IMPL(a, b)
#define MAYFLY_CONCAT_IMPL(a, b) a##b

namespace mayfly {

// Debian's absl::string_view is a type of its own.
[[nodiscard]] inline absl::string_view ToAbsl(std::string_view text) {
  return {text.data(), text.size()};
}
[[nodiscard]] inline std::string_view ToStd(absl::string_view text) {
  return {text.data(), text.size()};
}

// The status for `error` (an errno value): "<attempt>: <strerror>".
[[nodiscard]] absl::Status ErrnoStatus(std::string_view attempt, int error = errno);

// `status` with "<context>: " before its message; OK stays OK.
[[nodiscard]] absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace mayfly
