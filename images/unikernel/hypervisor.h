#pragma once

#include <cstdint>

// What the hypervisor says of itself by CPUID (Linux' Documentation/virt/kvm/x86/cpuid.rst).

namespace mayfly::guest {

// Both in hertz, 0 where the hypervisor does not say.
struct TimingFrequencies {
  uint64_t tsc_hz = 0;
  uint64_t apic_timer_hz = 0;
};
[[nodiscard]] TimingFrequencies HypervisorTiming();

[[nodiscard]] bool HypervisorHasKvmClock();

}  // namespace mayfly::guest
