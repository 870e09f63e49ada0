#pragma once

#include <cstdint>

// The local APIC of the CPU that runs, by its registers in memory (Intel SDM volume 3, chapter 11,
// xAPIC mode).

namespace mayfly::guest {

enum class LocalApicRegister : uint64_t {
  kId = 0x020,
  kEndOfInterrupt = 0x0b0,
  kSpuriousVector = 0x0f0,
  kCommandLow = 0x300,
  kCommandHigh = 0x310,
  kTimerVector = 0x320,
  kLocalInterrupt0 = 0x350,
  kTimerInitialCount = 0x380,
  kTimerCurrentCount = 0x390,
  kTimerDivider = 0x3e0,
};

[[nodiscard]] uint32_t ReadLocalApic(LocalApicRegister which);
void WriteLocalApic(LocalApicRegister which, uint32_t value);

// Maps it (the first time, on the boot CPU) and switches it on, deaf to the legacy interrupt
// controller.
void EnableLocalApic();

// Identity of the CPU that runs.
[[nodiscard]] uint32_t LocalApicId();

}  // namespace mayfly::guest
