#pragma once

#include <string>
#include <string_view>

namespace mayfly::jailer {

// Writes `value` to a control file in one write(2), as these want it. A relative path is one below
// `directory`. Answers 0 or an errno: what it means depends on the file.
[[nodiscard]] int WriteControl(int directory, const std::string& file, std::string_view value);

}  // namespace mayfly::jailer
