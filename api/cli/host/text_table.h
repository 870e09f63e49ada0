#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mayfly::cli {

enum class Colour { kNone, kBold, kGreen, kYellow, kRed };

struct Cell {
  std::string text;
  Colour colour = Colour::kNone;
};

// Rows under a heading, in columns as wide as they have to be. (Debian's libsmartcols, which would
// do that, cannot be linked into the static binaries that users run.)
class TextTable final {
 public:
  explicit TextTable(const std::vector<std::string_view>& heading);

  // As many cells as the heading has; what they have is made printable.
  void Add(std::vector<Cell> row);
  [[nodiscard]] std::string Format(bool colours) const;

 private:
  std::vector<std::vector<Cell>> rows_;  // the heading first
};

// `text` with its control characters, which may come from anybody, as '?'.
[[nodiscard]] std::string Printable(std::string text);

// Whether `fd` is a terminal, and NO_COLOR does not forbid colours (https://no-color.org).
[[nodiscard]] bool UsesColours(int fd);

}  // namespace mayfly::cli
