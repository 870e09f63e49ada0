#include "vmm/devices/sleep_control.h"

namespace mayfly::vmm {
namespace {

// ACPI 6.5, table 4.23.
constexpr unsigned kSleepTypeShift = 2;
constexpr uint8_t kSleepTypeMask = 0x7;
constexpr uint8_t kSleepEnable = 1 << 5;
constexpr uint64_t kControl = 0;

}  // namespace

void SleepControl::WriteByte(uint64_t offset, uint8_t value) {
  const bool enabled = (value & kSleepEnable) != 0;
  const auto type = static_cast<uint8_t>((value >> kSleepTypeShift) & kSleepTypeMask);
  if (offset != kControl || !enabled || type != kSleepTypeS5) return;
  exits_.Exit({.reason = ExitReason::kPowerOff, .detail = "the guest powered itself off"});
}

}  // namespace mayfly::vmm
