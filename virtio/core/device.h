#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/core/device_host.h"
#include "virtio/core/queue.h"
#include "virtio/protocol/features.h"

namespace mayfly::virtio {

// A virtio device without its transport: features, configuration space, and what is done with its
// queues.
//
// Life: inactive -> Activate() -> OnKick()... -> Reset() -> inactive again, any number of times;
// Shutdown() at last.
//
// Threading: Activate(), OnKick(), Settle(), Reset() and Shutdown() run on the io thread. type(),
// features(), Accepts() and queue_max_sizes() are constant and for any thread. ReadConfig() and
// WriteConfig() run on vCPU threads, one at a time, while the io thread may be at work: an
// implementation guards what both touch, without blocking.
class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  [[nodiscard]] virtual DeviceType type() const = 0;
  // The bits of the device type (0 to 23 and 50 up); the transport adds kRingFeatures.
  [[nodiscard]] virtual uint64_t features() const = 0;
  // Whether `features`, of those offered, go together.
  [[nodiscard]] virtual bool Accepts(uint64_t /*features*/) const { return true; }
  // The largest size of each queue: powers of two, at most kMaxQueueSize.
  [[nodiscard]] virtual std::span<const uint16_t> queue_max_sizes() const = 0;

  // The configuration space (virtio 1.2, 2.5). `out` is zeroed; what lies beyond the space's end
  // stays so.
  virtual void ReadConfig(uint64_t offset, std::span<std::byte> out) = 0;
  virtual void WriteConfig(uint64_t offset, std::span<const std::byte> data) = 0;

  // The driver is ready (DRIVER_OK), with `features` accepted. `queues`, one for each of
  // queue_max_sizes(), and `host` stay valid until Reset() returns; a queue that the driver did not
  // set up is not active().
  virtual void Activate(uint64_t features, std::span<Queue> queues, DeviceHost& host) = 0;
  // The driver says that it made buffers available in an active queue. May come without any, and
  // again and again.
  virtual void OnKick(uint16_t queue) = 0;
  // Finishes what is in flight: when this returns, guest memory is not touched on the device's
  // behalf until the next call, or the next handler of the loop. For a device whose work is never
  // in flight between two of these, there is nothing to do.
  virtual void Settle() {}
  // Gives up all requests. When this returns, guest memory is not touched any more, by anybody on
  // the device's behalf.
  virtual void Reset() = 0;
  // Gives back what the device holds of the host's (files, locks). Comes after Reset(), and nothing
  // after it.
  virtual void Shutdown() = 0;
};

}  // namespace mayfly::virtio
