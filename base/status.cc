#include "base/status.h"

#include "absl/strings/str_cat.h"

namespace mayfly {

absl::Status ErrnoStatus(std::string_view attempt, int error) {
  return absl::ErrnoToStatus(error, ToAbsl(attempt));
}

absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(ToAbsl(context), ": ", status.message()));
}

}  // namespace mayfly
