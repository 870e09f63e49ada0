#include "images/unikernel/start.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "images/unikernel/layout.h"
#include "images/unikernel/power.h"

namespace {

// Intel SDM volume 3, 6.14.1: a 64-bit interrupt gate.
struct Gate {
  uint16_t offset_0;
  uint16_t selector;
  uint8_t stack;
  uint8_t attributes;
  uint16_t offset_16;
  uint32_t offset_32;
  uint32_t reserved;
};

constexpr uint8_t kGateForRing0 = 0x8e;
constexpr uint8_t kGateForRing3 = 0xee;

}  // namespace

extern "C" {
extern const char vector_stubs[];                  // traps.S
extern void (*const init_array_begin[])();         // linker script
extern void (*const init_array_end[])();           // linker script
std::array<Gate, MAYFLY_VECTORS> interrupt_gates;  // entry.S loads it
// entry.S calls them before and after main().
void PrepareProgram(uint64_t address, uint32_t protocol);
[[noreturn]] void EndProgram(int result);
}

namespace mayfly::guest {

BootSource boot_source;

}  // namespace mayfly::guest

void PrepareProgram(uint64_t address, uint32_t protocol) {
  for (size_t vector = 0; vector < MAYFLY_VECTORS; ++vector) {
    const auto stub = reinterpret_cast<uint64_t>(vector_stubs + vector * MAYFLY_VECTOR_STUB_BYTES);
    interrupt_gates[vector] = {
        .offset_0 = static_cast<uint16_t>(stub),
        .selector = MAYFLY_KERNEL_CODE,
        .stack = 0,
        .attributes = vector == MAYFLY_VECTOR_BREAKPOINT ? kGateForRing3 : kGateForRing0,
        .offset_16 = static_cast<uint16_t>(stub >> 16),
        .offset_32 = static_cast<uint32_t>(stub >> 32),
        .reserved = 0,
    };
  }
  mayfly::guest::PrepareFloatingPoint();
  mayfly::guest::boot_source = {.address = address, .protocol = protocol};
  for (auto* constructor = init_array_begin; constructor != init_array_end; ++constructor) {
    (*constructor)();
  }
}

void EndProgram(int result) { mayfly::guest::Exit(static_cast<uint8_t>(result)); }
