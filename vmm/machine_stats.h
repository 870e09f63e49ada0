#pragma once

#include <cstdint>

#include "base/clock.h"
#include "vmm/device_stats.h"

namespace mayfly::vmm {

enum class MachineState { kCreated, kRunning, kPaused, kEnded };

// A VM, and what it has done since it was made.
struct MachineStats {
  MachineState state = MachineState::kCreated;
  Nanoseconds cpu{};            // CPU time of the VMM's process
  uint64_t resident_bytes = 0;  // memory of the VMM's process; 0: not known
  DeviceStats devices;
  uint64_t console_bytes = 0;  // that the guest has written
  uint64_t events = 0;
};

}  // namespace mayfly::vmm
