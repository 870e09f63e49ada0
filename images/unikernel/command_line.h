#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

// Words of the kernel command line (CommandLine() in boot_info.h), which are separated by spaces.

namespace mayfly::guest {

// Takes the next word off `rest`; an empty one when there is none left.
[[nodiscard]] std::string_view NextWord(std::string_view& rest);

// Whether `word` stands on the command line.
[[nodiscard]] bool HasOption(std::string_view word);

// What follows "name=" on the command line; of several the last.
[[nodiscard]] std::optional<std::string_view> OptionValue(std::string_view name);

// A whole number, decimal or hexadecimal with 0x in front; nothing if it is none or exceeds 64
// bits.
[[nodiscard]] std::optional<uint64_t> ParseNumber(std::string_view text);

}  // namespace mayfly::guest
