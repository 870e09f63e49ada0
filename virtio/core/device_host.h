#pragma once

#include <cstdint>
#include <string>

#include "virtio/core/device_event.h"

namespace mayfly::virtio {

// What a device asks of the transport it is plugged into.
//
// Threading: every function is for the io thread, from within or after Device::Activate().
class DeviceHost {
 public:
  DeviceHost() = default;
  DeviceHost(const DeviceHost&) = delete;
  DeviceHost& operator=(const DeviceHost&) = delete;

  // Interrupts the driver: used buffers wait (virtio 1.2, 2.7.7). Asked only where Queue::Publish()
  // says so.
  virtual void InterruptForQueue() = 0;
  // Interrupts the driver: the configuration space has changed; its generation goes up
  // (virtio 1.2, 2.5).
  virtual void ConfigChanged() = 0;
  // Calls Device::OnKick(`queue`) again, after other devices of the thread had their turn.
  virtual void KickAgain(uint16_t queue) = 0;
  // The driver broke the protocol in a way that cannot be answered in a queue. The device asks for
  // a reset (DEVICE_NEEDS_RESET; virtio 1.2, 2.1.2), gets no kicks until then, and the host is told
  // `what`.
  virtual void Fail(std::string what) = 0;
  // Tells the host something worth knowing that stops nothing, such as a full disk.
  virtual void Report(DeviceEvent event, std::string what) = 0;

 protected:
  ~DeviceHost() = default;
};

}  // namespace mayfly::virtio
