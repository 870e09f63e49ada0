#pragma once

#include <string>
#include <string_view>

namespace mayfly::cli {

// JSON with the characters themselves, in UTF-8, where there were escapes by number (RFC 8259, 7):
// Cap'n Proto 0.9 reads their hexadecimal letters as other digits. Half of a pair without the other
// is U+FFFD; what is no escape stays as it is.
[[nodiscard]] std::string ReplaceEscapes(std::string_view json);

}  // namespace mayfly::cli
