#include "images/unikernel/interrupts.h"

#include <array>
#include <utility>

#include "images/unikernel/io.h"
#include "images/unikernel/layout.h"
#include "images/unikernel/local_apic.h"
#include "images/unikernel/memory.h"
#include "images/unikernel/power.h"
#include "images/unikernel/ring_0.h"

extern "C" void DispatchInterrupt(uint32_t vector);  // traps.S

namespace mayfly::guest {
namespace {

// Intel 82093AA: a window of two registers, and 64 bits per line.
constexpr uint64_t kIoApic = 0xfec00000;
constexpr uint64_t kIoApicBytes = 0x1000;
constexpr uint64_t kIoApicSelect = kIoApic;
constexpr uint64_t kIoApicWindow = kIoApic + 0x10;
constexpr uint32_t kFirstRedirection = 0x10;
constexpr unsigned kDestinationShift = 24;
constexpr unsigned kLines = MAYFLY_VECTOR_TIMER - MAYFLY_VECTOR_FIRST_GSI;

struct Entry {
  InterruptHandler handler = nullptr;
  void* context = nullptr;
};
std::array<Entry, MAYFLY_VECTORS - MAYFLY_VECTOR_FIRST_GSI> handlers;
bool prepared = false;
bool unmasked = false;  // ring 3 cannot read the flag itself everywhere: some software KVMs show it
                        // that of their host

void WriteIoApic(uint32_t index, uint32_t value) {
  WriteRegister<uint32_t>(kIoApicSelect, index);
  WriteRegister<uint32_t>(kIoApicWindow, value);
}

}  // namespace

void HandleVector(unsigned vector, InterruptHandler handler, void* context) {
  if (vector < MAYFLY_VECTOR_FIRST_GSI || vector >= MAYFLY_VECTORS) {
    Panic("guest panic: no such interrupt vector");
  }
  if (!prepared) {
    EnableLocalApic();
    prepared = true;
  }
  const InterruptMask mask;
  handlers[vector - MAYFLY_VECTOR_FIRST_GSI] = {.handler = handler, .context = context};
}

void HandleGsi(unsigned gsi, InterruptHandler handler, void* context) {
  if (gsi >= kLines) Panic("guest panic: no such interrupt line");
  const unsigned vector = MAYFLY_VECTOR_FIRST_GSI + gsi;
  HandleVector(vector, handler, context);
  MapMemory(kIoApic, kIoApicBytes);
  // Edge-triggered, active high, fixed delivery to this CPU, not masked: all zeros.
  WriteIoApic(kFirstRedirection + 2 * gsi + 1, LocalApicId() << kDestinationShift);
  WriteIoApic(kFirstRedirection + 2 * gsi, vector);
}

void WaitForInterrupt() { Ring0Wait(); }

void UnmaskInterrupts() {
  unmasked = true;
  Ring0SetInterruptFlag(MAYFLY_RFLAGS_IF);
}

void MaskInterrupts() {
  Ring0SetInterruptFlag(0);
  unmasked = false;
}

InterruptMask::InterruptMask() : unmask_(unmasked) {
  if (unmask_) MaskInterrupts();
}

InterruptMask::~InterruptMask() {
  if (unmask_) UnmaskInterrupts();
}

}  // namespace mayfly::guest

void DispatchInterrupt(uint32_t vector) {
  using namespace mayfly::guest;
  if (vector == MAYFLY_VECTOR_SPURIOUS) return;  // takes no acknowledgement
  const auto [handler, context] = handlers[vector - MAYFLY_VECTOR_FIRST_GSI];
  // Before the handler: an edge that comes while it runs must not be lost.
  WriteLocalApic(LocalApicRegister::kEndOfInterrupt, 0);
  const bool before = std::exchange(unmasked, false);
  if (handler != nullptr) handler(context);
  unmasked = before;
}
