#include "api/cli/host/text_table.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace mayfly::cli {
namespace {

constexpr size_t kGap = 2;
constexpr std::string_view kPlain = "\x1b[0m";

[[nodiscard]] std::string_view Escape(Colour colour) {
  switch (colour) {
    case Colour::kNone:
      return "";
    case Colour::kBold:
      return "\x1b[1m";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kRed:
      return "\x1b[31m";
  }
  return "";
}

[[nodiscard]] bool IsControl(char c) {
  constexpr unsigned char kDelete = 0x7f;
  const auto byte = static_cast<unsigned char>(c);
  return byte < ' ' || byte == kDelete;
}

}  // namespace

TextTable::TextTable(const std::vector<std::string_view>& heading) {
  std::vector<Cell> row;
  for (const std::string_view title : heading) row.push_back({std::string(title), Colour::kBold});
  Add(std::move(row));
}

void TextTable::Add(std::vector<Cell> row) {
  for (Cell& cell : row) cell.text = Printable(std::move(cell.text));
  rows_.push_back(std::move(row));
}

std::string TextTable::Format(bool colours) const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].text.size());
  }
  std::string out;
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      const bool coloured = colours && row[i].colour != Colour::kNone;
      if (coloured) out += Escape(row[i].colour);
      out += row[i].text;
      if (coloured) out += kPlain;
      // Nothing behind the last.
      if (i + 1 < row.size()) out.append(widths[i] - row[i].text.size() + kGap, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string Printable(std::string text) {
  std::replace_if(text.begin(), text.end(), IsControl, '?');
  return text;
}

bool UsesColours(int fd) {
  const char* const forbidden = std::getenv("NO_COLOR");
  return ::isatty(fd) == 1 && (forbidden == nullptr || *forbidden == '\0');
}

}  // namespace mayfly::cli
