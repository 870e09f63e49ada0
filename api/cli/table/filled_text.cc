#include "api/cli/table/filled_text.h"

#include <algorithm>

namespace mayfly::cli {
namespace {

constexpr std::string_view kBetweenParagraphs = "\n\n";

// The next word of `text`, which is cut off there.
[[nodiscard]] std::string_view TakeWord(std::string_view& text) {
  const size_t begin = std::min(text.find_first_not_of(' '), text.size());
  const size_t end = std::min(text.find(' ', begin), text.size());
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

}  // namespace

void AppendFilled(std::string_view text, size_t column, size_t indent, size_t width,
                  std::string& out) {
  const size_t end = std::min(text.find(kBetweenParagraphs), text.size());
  std::string_view paragraph = text.substr(0, end);
  size_t at = column;
  bool first = true;  // of its line
  for (std::string_view word = TakeWord(paragraph); !word.empty(); word = TakeWord(paragraph)) {
    if (!first && at + 1 + word.size() > width) {
      out.append("\n").append(indent, ' ');
      at = indent;
      first = true;
    }
    if (!first) out += ' ';
    out += word;
    at += word.size() + (first ? 0 : 1);
    first = false;
  }
  out += '\n';
  if (end == text.size()) return;
  out.append("\n").append(indent, ' ');
  AppendFilled(text.substr(end + kBetweenParagraphs.size()), indent, indent, width, out);
}

}  // namespace mayfly::cli
