#pragma once

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "api/cli/table/command_line.h"

namespace mayfly::cli {

// What --output says.
enum class Format { kText, kJson };

// --output. Errors: InvalidArgument, one sentence that names the option.
[[nodiscard]] absl::Status ParseFormat(std::string_view text, Format& format);

// Reads the words of a command that has no option but --output and --help. Answers as
// CommandLine::Read() does.
[[nodiscard]] std::optional<int> ReadFormat(CommandLine& line, Format& format);

}  // namespace mayfly::cli
