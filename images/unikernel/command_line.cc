#include "images/unikernel/command_line.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "images/unikernel/boot_info.h"

namespace mayfly::guest {

std::string_view NextWord(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  return word;
}

bool HasOption(std::string_view word) {
  std::string_view rest = CommandLine();
  for (std::string_view next = NextWord(rest); !next.empty(); next = NextWord(rest)) {
    if (next == word) return true;
  }
  return false;
}

std::optional<std::string_view> OptionValue(std::string_view name) {
  std::optional<std::string_view> value;
  std::string_view rest = CommandLine();
  for (std::string_view next = NextWord(rest); !next.empty(); next = NextWord(rest)) {
    if (next.size() > name.size() && next.starts_with(name) && next[name.size()] == '=') {
      value = next.substr(name.size() + 1);
    }
  }
  return value;
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) {
    text.remove_prefix(2);
    base = 16;
  }
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace mayfly::guest
