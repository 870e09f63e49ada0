#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mayfly::cli {

// Appends `text` in lines of at most `width` columns, the first of which goes on where `out` has
// its cursor (`column`), the others indented by `indent`; ends with a line feed. An empty line in
// `text` begins a paragraph.
void AppendFilled(std::string_view text, size_t column, size_t indent, size_t width,
                  std::string& out);

}  // namespace mayfly::cli
