#pragma once

#include <asm/bootparam.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mayfly::vmm::testing {

// A small bzImage with `payload` as its protected-mode part (its 64-bit entry lies 0x200 bytes in).
// `header` describes the rest; DefaultBzHeader() is a good one.
[[nodiscard]] std::vector<std::byte> BuildBzImage(const setup_header& header,
                                                  std::span<const std::byte> payload);

// Protocol 2.15, relocatable, 64-bit, prefers 16 MiB, takes 4 MiB.
[[nodiscard]] setup_header DefaultBzHeader();

}  // namespace mayfly::vmm::testing
