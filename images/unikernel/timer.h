#pragma once

#include <chrono>
#include <cstdint>

#include "images/unikernel/interrupts.h"

// The one-shot timer of the boot CPU's local APIC. It counts at the frequency that CPUID leaf
// 0x40000010 gives, 1 GHz (that of KVM and of QEMU) where it gives none.

namespace mayfly::guest {

// Has `handler` run once, `duration` from now; a later call replaces an earlier one. At most some
// minutes, capped at that.
void StartTimer(std::chrono::nanoseconds duration, InterruptHandler handler,
                void* context = nullptr);
void StopTimer();

// Where it is on its way down to 0, in units of 1 / TimerFrequency() seconds (128 times that for
// more than some seconds).
[[nodiscard]] uint32_t TimerCount();
[[nodiscard]] uint64_t TimerFrequency();  // hertz

// Rests for at least that long while other interrupts are handled. Uses the timer.
void Sleep(std::chrono::nanoseconds duration);

}  // namespace mayfly::guest
