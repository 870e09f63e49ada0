#pragma once

#include <string>

#include "api/cli/table/command.h"

namespace mayfly::cli {

// What `--help` says of `command`, which is called `path`, such as "mayfly disk info".
[[nodiscard]] std::string HelpText(const Command& command, std::string_view path);

// "--kernel FILE", "-o, --output json", "--timeline[=FILE]"
[[nodiscard]] std::string OptionHead(const Option& option);
// "overlay=FILE"
[[nodiscard]] std::string WordHead(const Word& word);

}  // namespace mayfly::cli
