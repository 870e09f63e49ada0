#include "api/cli/init_word.h"

#include <array>

namespace mayfly::cli {
namespace {

constexpr std::array kHexDigits = {'0', '1', '2', '3', '4', '5', '6', '7',
                                   '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};

bool NeedsEscape(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '"' || c == '\\' || byte < ' ' || byte == 0x7f;
}

}  // namespace

std::string QuoteInitWord(std::string_view word) {
  std::string quoted;
  for (const char c : word) {
    if (!NeedsEscape(c)) {
      quoted += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    quoted += "\\x";
    quoted += kHexDigits[byte >> 4];
    quoted += kHexDigits[byte & 0xf];
  }
  if (!quoted.empty() && quoted.find(' ') == std::string::npos) return quoted;
  return '"' + quoted + '"';
}

}  // namespace mayfly::cli
