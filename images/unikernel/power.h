#pragma once

#include <cstdint>
#include <string_view>

// The ways out of a machine, each with an exit reason of its own on the host, and the marks on the
// way in.

namespace mayfly::guest {

// Milestones that the host notes in the machine's timeline.
enum class BootMark : uint8_t {
  kKernelEntered = 0x40,  // written by the runtime, with its first instruction
  kUserSpaceReached = 0x41,
};
void Mark(BootMark mark);

// Ends the machine with an exit status; returning from main() does the same.
[[noreturn]] void Exit(uint8_t status);

// ACPI S5, by the sleep control register of a hardware-reduced platform. Panics where the tables
// name none.
[[noreturn]] void PowerOff();

// The keyboard controller's reset line; failing that, the reset register that the ACPI tables name.
[[noreturn]] void Reset();

// An exception without any handler for it, which resets a CPU.
[[noreturn]] void TripleFault();

// Reports a guest panic to the host, after `message` on the console. Should the host let the
// machine run on: Exit(255).
[[noreturn]] void Panic(std::string_view message);

// Stops this CPU for good, with interrupts masked.
[[noreturn]] void Halt();

}  // namespace mayfly::guest
