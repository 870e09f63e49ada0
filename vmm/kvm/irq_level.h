#pragma once

#include <cstdint>

namespace mayfly::vmm {

// The level of an interrupt line, as KVM_IRQ_LINE encodes it.
enum class IrqLevel : uint32_t { kLow = 0, kHigh = 1 };

}  // namespace mayfly::vmm
