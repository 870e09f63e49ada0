#pragma once

#include <cstddef>

// The other CPUs. CPU 0 is the one that runs main(); the others stand still until they are given
// something to do.

namespace mayfly::guest {

using CpuFunction = void (*)(void* argument);

// How many the ACPI tables list, at least 1. At most 255: the runtime uses the local APIC in xAPIC
// mode.
[[nodiscard]] size_t CpuCount();

// Has CPU `index` run `function` in ring 3, on a stack of its own (16 KiB) and with interrupts
// masked; returns when it is on its way. False if there is no such CPU, it still runs, or it does
// not start. Boot CPU only.
[[nodiscard]] bool StartCpu(size_t index, CpuFunction function, void* argument = nullptr);

// Whether it has not returned yet from what it was started for. It may be started again then.
[[nodiscard]] bool CpuRuns(size_t index);

// Keeps this CPU busy until then.
void JoinCpu(size_t index);

}  // namespace mayfly::guest
