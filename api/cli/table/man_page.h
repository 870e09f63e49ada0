#pragma once

#include <string>

#include "api/cli/table/command.h"

namespace mayfly::cli {

// The manual page of `command`, as roff with the macros of man(7). `path`: as in HelpText().
[[nodiscard]] std::string ManPage(const Command& command, std::string_view path);

}  // namespace mayfly::cli
