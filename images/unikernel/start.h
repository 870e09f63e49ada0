#pragma once

#include <cstdint>

// What start.cc knows and other parts of the runtime use.

namespace mayfly::guest {

struct BootSource {
  uint64_t address = 0;   // hvm_start_info or boot_params
  uint32_t protocol = 0;  // MAYFLY_BOOT_*
};
extern BootSource boot_source;

// The x87 control word and MXCSR that the System V ABI expects.
inline void PrepareFloatingPoint() {
  constexpr uint16_t kExtendedPrecisionNoExceptions = 0x37f;
  constexpr uint32_t kNoExceptions = 0x1f80;
  asm volatile("fldcw %0\n\tldmxcsr %1"
               :
               : "m"(kExtendedPrecisionNoExceptions), "m"(kNoExceptions));
}

}  // namespace mayfly::guest
