#pragma once

#include <string>

namespace mayfly::init {

// All of a file, also of one in /proc, whose size is not known before it is read. Empty, with errno
// set, when it cannot be read.
[[nodiscard]] std::string ReadFile(const char* path);

}  // namespace mayfly::init
