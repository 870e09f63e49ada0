#pragma once

#include <cstdint>

// Interrupts, a matter of the boot CPU alone: the others run with interrupts masked. They start
// masked: handlers then run within WaitForInterrupt() only, which is all that most programs need
// and leaves no room for races. UnmaskInterrupts() lets them in at any time.
//
// A handler is an ordinary function in ring 3, on the stack of what it interrupts, with interrupts
// masked. It may use everything but the heap, WaitForInterrupt() and the console's input.

namespace mayfly::guest {

using InterruptHandler = void (*)(void* context);

// Has `handler` run, on the boot CPU, for the edges of an interrupt line (GSI) of the first IOAPIC:
// 0 to 23.
void HandleGsi(unsigned gsi, InterruptHandler handler, void* context = nullptr);

// For an interrupt vector, 32 to 63, that something else than the IOAPIC raises: the local APIC,
// another CPU.
void HandleVector(unsigned vector, InterruptHandler handler, void* context = nullptr);

// Rests until an interrupt has been handled. None is lost between a look at one's data with
// interrupts masked and the wait.
void WaitForInterrupt();

void UnmaskInterrupts();
void MaskInterrupts();

// Masks interrupts for its lifetime, then puts back what was. Costs nothing where they are masked
// already.
class InterruptMask final {
 public:
  InterruptMask();
  ~InterruptMask();
  InterruptMask(const InterruptMask&) = delete;
  InterruptMask& operator=(const InterruptMask&) = delete;

 private:
  bool unmask_;
};

}  // namespace mayfly::guest
