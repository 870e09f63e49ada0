#include "api/cli/host/host_command.h"

#include "api/cli/exit_code.h"
#include "api/cli/table/command.h"
#include "base/status.h"

namespace mayfly::cli {

std::optional<int> HostCommand::Read(const CommandLine::Apply& apply) {
  return line_.Read([&](int id, std::string_view value) -> absl::Status {
    if (id == kHostOption) {
      host_ = value;
      return absl::OkStatus();
    }
    if (id == kOutputOption) return ParseFormat(value, format_);
    return apply(id, value);
  });
}

int HostCommand::Finish(const absl::Status& status) const {
  return status.ok() ? static_cast<int>(ExitCode::kSuccess) : line_.Fail(status);
}

absl::Status HostCommand::NoOthers(int /*id*/, std::string_view /*value*/) {
  return absl::InternalError("an option without a meaning");
}

}  // namespace mayfly::cli
