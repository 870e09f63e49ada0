#pragma once

#include <string>

namespace mayfly::jailer {

// The policies for people, in Markdown: how much each thread may ask, then each rule. What
// docs/security.md has between its marks.
[[nodiscard]] std::string PolicyTable();

}  // namespace mayfly::jailer
