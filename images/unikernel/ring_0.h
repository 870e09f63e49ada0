#pragma once

#include <cstdint>

// What needs ring 0 (traps.S). Each is called like any function and costs one trap: next to nothing
// on hardware, some microseconds where ring 0 is emulated. For the runtime itself; programs use the
// headers above it.
//
// The names are global: the assembler knows no namespaces.

extern "C" {

// Lets interrupts in, waits for one, has its handler run, and restores the interrupt flag: with the
// flag clear on entry, no interrupt is lost between a look at one's data and the wait.
void Ring0Wait();

// Sets the interrupt flag to `flag`: MAYFLY_RFLAGS_IF or 0.
void Ring0SetInterruptFlag(uint64_t flag);

// A model-specific register that does not exist ends in an exception.
uint64_t Ring0ReadMsr(uint32_t index);
void Ring0WriteMsr(uint32_t index, uint64_t value);

// eax, ebx, ecx, edx into `registers`. In ring 3, `cpuid` answers for the host where KVM is
// software, hence the detour.
void Ring0Cpuid(uint32_t leaf, uint32_t subleaf, uint32_t registers[4]);

// Makes changes of present page-table entries take effect on this CPU.
void Ring0FlushMappings();

// Runs a function of the caller's in ring 0, on 512 bytes of stack and with interrupts masked. What
// emulates ring 0 may not know SSE: compile the function with -mgeneral-regs-only.
void Ring0Run(void (*function)());

[[noreturn]] void Ring0Halt();
[[noreturn]] void Ring0TripleFault();
}
