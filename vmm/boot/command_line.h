#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/guest_memory.h"

namespace mayfly::vmm {

// `words` added to the kernel's part of `line`: before a lone "--", behind which everything is for
// the init process.
[[nodiscard]] std::string AppendKernelWords(std::string_view line, std::string_view words);

// Puts `line` where kernels are told to look for it, NUL-terminated. Errors: InvalidArgument where
// it is longer than `limit` bytes or has a NUL.
[[nodiscard]] absl::StatusOr<GuestRange> WriteCommandLine(const GuestMemory& memory,
                                                          std::string_view line, uint64_t limit);

}  // namespace mayfly::vmm
