#include "api/cli/table/command_line.h"

#include "absl/strings/str_cat.h"
#include "api/cli/exit_code.h"
#include "api/cli/say.h"
#include "api/cli/table/help_text.h"
#include "api/cli/table/option_reader.h"
#include "base/status.h"

namespace mayfly::cli {

std::optional<int> CommandLine::Read(const Apply& apply) {
  OptionReader reader(command_, arguments_);
  while (true) {
    const absl::StatusOr<std::optional<GivenOption>> given = reader.Next();
    if (!given.ok()) return Usage(given.status().message());
    if (!given->has_value()) break;
    const GivenOption& option = **given;
    if (option.id == kHelpOption) {
      return Print(HelpText(command_, absl::StrCat("mayfly ", path_)));
    }
    const absl::Status status =
        apply(option.id, option.value == nullptr ? std::string_view() : option.value);
    if (!status.ok()) return Usage(status.message());
  }
  operands_.assign(reader.rest().begin(), reader.rest().end());
  if (const absl::Status status = CheckOperands(); !status.ok()) return Usage(status.message());
  return std::nullopt;
}

std::optional<int> CommandLine::Read() {
  return Read(
      [](int, std::string_view) { return absl::InternalError("an option without a meaning"); });
}

absl::Status CommandLine::CheckOperands() const {
  if (operands_.size() < command_.least) {
    return absl::InvalidArgumentError(absl::StrCat("it needs ", ToAbsl(command_.usage)));
  }
  if (operands_.size() > command_.most) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", operands_[command_.most], "\" is not understood"));
  }
  return absl::OkStatus();
}

int CommandLine::Usage(absl::string_view sentence) const {
  Complain(absl::StrCat(path_, ": ", sentence, "; see mayfly ", path_, " --help"));
  return static_cast<int>(ExitCode::kUsage);
}

int CommandLine::Fail(const absl::Status& error) const {
  Complain(error.message());
  return static_cast<int>(ExitCodeOf(error));
}

}  // namespace mayfly::cli
