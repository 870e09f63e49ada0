// Touches `touch=N` MiB of its memory, page after page, and says when it has.

#include <cstddef>
#include <cstdint>

#include "images/unikernel/command_line.h"
#include "images/unikernel/console.h"

int main() {
  using namespace mayfly::guest;
  constexpr size_t kPageBytes = 4096;
  constexpr size_t kMebibyte = size_t{1} << 20;
  const uint64_t mebibytes = ParseNumber(OptionValue("touch").value_or("1")).value_or(1);
  for (uint64_t i = 0; i < mebibytes; ++i) {
    // Never given back.
    volatile auto* const block = new std::byte[kMebibyte];
    for (size_t offset = 0; offset < kMebibyte; offset += kPageBytes) block[offset] = std::byte{1};
  }
  Print("touched {} MiB\n", mebibytes);
  return 0;
}
