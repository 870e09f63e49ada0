#pragma once

#include <string>
#include <string_view>

namespace mayfly::api {

// Texts of the schema are UTF-8 by agreement; nobody holds a sender to it.
[[nodiscard]] bool IsUtf8(std::string_view text);
// With U+FFFD in the place of what is not.
[[nodiscard]] std::string ValidUtf8(std::string_view text);

}  // namespace mayfly::api
