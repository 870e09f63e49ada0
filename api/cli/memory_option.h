#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/guest_memory.h"

namespace mayfly::cli {

// What --memory says.
struct MemoryOption {
  uint64_t bytes = uint64_t{128} << 20;
  GuestMemory::Options options;
};

// "SIZE[,pages=small|transparent|reserved]". Errors: InvalidArgument, one sentence.
[[nodiscard]] absl::StatusOr<MemoryOption> ParseMemoryOption(std::string_view text);

}  // namespace mayfly::cli
