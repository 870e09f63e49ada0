#pragma once

#include <charconv>
#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>

namespace mayfly::bench {

// A positive number at that place; `fallback` where there is no such argument, 0 where it is none.
[[nodiscard]] inline int PositiveArgument(std::span<char* const> arguments, size_t index,
                                          int fallback) {
  if (arguments.size() <= index) return fallback;
  const std::string_view text = arguments[index];
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0 ? number : 0;
}

}  // namespace mayfly::bench
