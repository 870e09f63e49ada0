#include "vmm/devices/platform.h"

#include <utility>

#include "base/status.h"
#include "vmm/layout.h"

namespace mayfly::vmm {

Platform::Platform(Console& console, Timeline& timeline, ExitSink& exits,
                   std::function<void(IrqLevel)> serial_interrupt)
    : console_(console),
      serial_(console, timeline, std::move(serial_interrupt)),
      i8042_(exits),
      boot_mark_(timeline),
      exit_port_(exits),
      panic_port_(exits),
      sleep_control_(exits) {
  console_.SetInputListener([this] { serial_.OnInput(); });
}

Platform::~Platform() { console_.SetInputListener(nullptr); }

absl::Status Platform::AttachTo(Bus& ports) {
  MAYFLY_RETURN_IF_ERROR(ports.Add(layout::kI8042Command, I8042::kSize, i8042_));
  MAYFLY_RETURN_IF_ERROR(ports.Add(layout::kBootMark, BootMark::kSize, boot_mark_));
  MAYFLY_RETURN_IF_ERROR(ports.Add(layout::kExit, ExitPort::kSize, exit_port_));
  MAYFLY_RETURN_IF_ERROR(ports.Add(layout::kSerial, Serial::kSize, serial_));
  MAYFLY_RETURN_IF_ERROR(ports.Add(layout::kPanic, PanicPort::kSize, panic_port_));
  return ports.Add(layout::kSleepControl, SleepControl::kSize, sleep_control_);
}

}  // namespace mayfly::vmm
