#include <array>
#include <cstdint>
#include <string_view>

#include "images/unikernel/console.h"
#include "images/unikernel/power.h"

namespace {

// What traps.S leaves on the stack of ring 0.
struct ExceptionFrame {
  uint64_t vector;
  uint64_t error_code;
  uint64_t rip;
  uint64_t cs;
  uint64_t rflags;
  uint64_t rsp;
  uint64_t ss;
};

constexpr std::array<std::string_view, 22> kNames = {
    "divide error",
    "debug",
    "NMI",
    "breakpoint",
    "overflow",
    "bound range",
    "invalid opcode",
    "no FPU",
    "double fault",
    "coprocessor segment",
    "invalid TSS",
    "segment not present",
    "stack fault",
    "general protection",
    "page fault",
    "reserved",
    "x87 error",
    "alignment check",
    "machine check",
    "SIMD error",
    "virtualization",
    "control protection",
};

}  // namespace

extern "C" [[noreturn]] void ReportException(const ExceptionFrame* frame, uint64_t cr2);

void ReportException(const ExceptionFrame* frame, uint64_t cr2) {
  mayfly::guest::Print(
      "\nexception {} ({}): error code {:x}, rip {:x}, rsp {:x}, cr2 {:x}, rflags {:x}, cs {:x}\n",
      frame->vector, frame->vector < kNames.size() ? kNames[frame->vector] : "reserved",
      frame->error_code, frame->rip, frame->rsp, cr2, frame->rflags, frame->cs);
  mayfly::guest::Panic("guest panic: unhandled exception");
}
