#include "images/unikernel/power.h"

#include <optional>

#include "images/unikernel/acpi.h"
#include "images/unikernel/console.h"
#include "images/unikernel/io.h"
#include "images/unikernel/layout.h"
#include "images/unikernel/ring_0.h"

namespace mayfly::guest {
namespace {

constexpr uint16_t kKeyboardCommandPort = 0x64;
constexpr uint8_t kPulseResetLine = 0xfe;

// ACPI 6.5, 4.8.3.7: SLP_TYPx is bits 2 to 4, SLP_EN bit 5.
constexpr uint8_t kSleepEnable = 1 << 5;
// What _S5 of the DSDT says on Mayfly and on QEMU's microvm; reading it there would take an AML
// interpreter.
constexpr uint8_t kSleepTypeS5 = 5 << 2;

}  // namespace

void Mark(BootMark mark) { WritePort8(MAYFLY_PORT_MARK, static_cast<uint8_t>(mark)); }

void Exit(uint8_t status) {
  WritePort8(MAYFLY_PORT_EXIT, status);
  Halt();
}

void PowerOff() {
  const std::optional<AcpiRegister> control = SleepControlRegister();
  if (!control) Panic("cannot power off: the ACPI tables name no sleep control register");
  control->Write(kSleepEnable | kSleepTypeS5);
  Halt();
}

void Reset() {
  WritePort8(kKeyboardCommandPort, kPulseResetLine);
  if (const std::optional<AcpiReset> reset = ResetRegister()) reset->location.Write(reset->value);
  Halt();
}

void TripleFault() { Ring0TripleFault(); }

void Panic(std::string_view message) {
  Write(message);
  Write("\n");
  WritePort8(MAYFLY_PORT_PANIC, MAYFLY_PANIC_EVENT);
  Exit(MAYFLY_PANIC_STATUS);
}

void Halt() { Ring0Halt(); }

}  // namespace mayfly::guest
