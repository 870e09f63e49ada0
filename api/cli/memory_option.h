#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "base/guest_memory.h"

namespace mayfly::cli {

// What --memory says.
struct MemoryOption {
  uint64_t bytes = uint64_t{128} << 20;
  GuestMemory::Options options;
};

// "SIZE[,pages=small|transparent|reserved]" into `memory`, whose pages stay where there are none in
// the text. Errors: InvalidArgument, one sentence.
[[nodiscard]] absl::Status ParseMemoryOption(std::string_view text, MemoryOption& memory);

}  // namespace mayfly::cli
