#pragma once

#include <chrono>
#include <cstdint>

// Time, by the CPU's time stamp counter. Its frequency comes, on first use, from the hypervisor:
// CPUID leaf 0x40000010, otherwise kvmclock; otherwise it is measured against the timer of the
// local APIC.

namespace mayfly::guest {

// The counter itself. Under KVM it starts with the machine.
[[nodiscard]] inline uint64_t Ticks() {
  uint32_t low;
  uint32_t high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return low | uint64_t{high} << 32;
}

// Ticks a second. The first call must be the boot CPU's.
[[nodiscard]] uint64_t TicksPerSecond();

// Monotonic, since the counter was zero.
[[nodiscard]] std::chrono::nanoseconds Now();

// Keeps the CPU busy for that long; Sleep() in timer.h lets it rest.
void Spin(std::chrono::nanoseconds duration);

}  // namespace mayfly::guest
