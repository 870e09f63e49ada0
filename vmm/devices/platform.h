#pragma once

#include <functional>

#include "absl/status/status.h"
#include "base/timeline.h"
#include "vmm/console.h"
#include "vmm/devices/boot_mark.h"
#include "vmm/devices/bus.h"
#include "vmm/devices/exit_port.h"
#include "vmm/devices/i8042.h"
#include "vmm/devices/panic_port.h"
#include "vmm/devices/serial.h"
#include "vmm/devices/sleep_control.h"
#include "vmm/exit_sink.h"
#include "vmm/kvm/irq_level.h"

namespace mayfly::vmm {

// The devices that every VM has, at their fixed ports (vmm/layout.h). Whatever else a PC has, this
// one has not.
class Platform final {
 public:
  // All outlive it. `serial_interrupt`: see Serial.
  Platform(Console& console, Timeline& timeline, ExitSink& exits,
           std::function<void(IrqLevel)> serial_interrupt);
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;
  ~Platform();

  [[nodiscard]] absl::Status AttachTo(Bus& ports);

 private:
  Console& console_;
  Serial serial_;
  I8042 i8042_;
  BootMark boot_mark_;
  ExitPort exit_port_;
  PanicPort panic_port_;
  SleepControl sleep_control_;
};

}  // namespace mayfly::vmm
