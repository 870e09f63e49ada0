#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_fd.h"
#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "base/io_handler.h"
#include "virtio/core/device.h"
#include "virtio/core/device_event.h"
#include "virtio/core/device_host.h"
#include "virtio/core/interrupt.h"
#include "virtio/core/queue.h"
#include "virtio/protocol/mmio_registers.h"

namespace mayfly::virtio {

// virtio-mmio version 2 (virtio 1.2, 4.2): kMmioSize bytes of registers in front of one device.
//
// Kicks come through the eventfds of kick(), which KVM signals by itself (ioeventfd); a write to
// QueueNotify that reaches Write() does the same. Interrupts leave through the line of
// ConnectInterrupt().
//
// Threading: Read() and Write() on vCPU threads, several at once, under one mutex. Everything that
// touches queues or the device's requests runs on the io loop's thread; activation and reset wait
// for it (EventLoop::RunSync), so that when the register write returns, it has happened. The io
// thread never takes the mutex, so that waiting with it held is safe. Quiesce() and
// the destructor are for any thread.
class MmioTransport final : public IoHandler, private DeviceHost {
  class Passkey {
    friend class MmioTransport;
    Passkey() = default;
  };

 public:
  struct Options {
    // What messages call the device, such as "disk 0 (root.img)".
    std::string name;
    // Called once, on the io thread: the first kick that was served.
    std::function<void()> on_first_kick;
    // Called on the io thread with one sentence for people: what the guest did wrong, or what ails
    // the device. The guest decides how often, up to kMaxEvents; must not call back into the
    // transport.
    DeviceEventListener on_event;
  };
  // Texts for on_event from one transport, so that no guest can fill the host's log; the last says
  // that it is the last.
  static constexpr unsigned kMaxEvents = 64;

  // `memory` and `io` outlive the transport. Watches the kick eventfds, so `io` is not running yet,
  // or this is its thread. Errors: ResourceExhausted and others of eventfd(2), epoll_ctl(2).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<MmioTransport>> Create(
      std::unique_ptr<Device> device, const GuestMemory& memory, EventLoop& io, Options options);
  MmioTransport(Passkey, std::unique_ptr<Device> device, const GuestMemory& memory, EventLoop& io,
                Options options, std::vector<EventFd> kicks);
  ~MmioTransport() override;

  // Where interrupts go, as edges. Before the guest runs.
  void ConnectInterrupt(Interrupt::Line line) { interrupt_.Connect(std::move(line)); }
  [[nodiscard]] uint16_t queue_count() const { return static_cast<uint16_t>(kicks_.size()); }
  // For an ioeventfd of 4 bytes at kQueueNotifyOffset that matches `queue`.
  [[nodiscard]] const EventFd& kick(uint16_t queue) const { return kicks_.at(queue); }

  void Read(uint64_t offset, std::span<std::byte> out) override;
  void Write(uint64_t offset, std::span<const std::byte> data) override;

  // Finishes what the device has in flight (Device::Settle). On the io thread.
  void Settle();
  // Ends the device's work for good: when this returns, nothing is in flight, guest memory and
  // disks are not touched any more, and locks are released. What the guest writes afterwards
  // changes registers only.
  void Quiesce();

 private:
  // What the driver wrote about one queue.
  struct QueueRegisters {
    QueueLayout layout;
    bool ready = false;
  };

  // Under mutex_.
  [[nodiscard]] uint32_t ReadRegister(MmioRegister reg) const;
  void WriteRegister(MmioRegister reg, uint32_t value);
  void WriteQueueRegister(MmioRegister reg, uint32_t value);
  void WriteDriverFeatures(uint32_t value);
  void WriteStatus(uint32_t value);
  [[nodiscard]] bool FeaturesAcceptable() const;
  void Activate();
  void Deactivate();
  void ResetRegisters();

  // On the io thread.
  void ActivateOnIo();
  void DeactivateOnIo();
  void ServeKick(uint16_t queue);
  void InterruptForQueue() override;
  void ConfigChanged() override;
  void KickAgain(uint16_t queue) override;
  void Fail(std::string what) override;
  void Report(DeviceEvent event, std::string what) override;

  const std::unique_ptr<Device> device_;
  const GuestMemory& memory_;
  EventLoop& io_;
  const Options options_;
  const uint64_t offered_features_;
  const std::vector<EventFd> kicks_;
  Interrupt interrupt_;
  std::atomic<uint32_t> config_generation_ = 0;
  // The one bit of the status that the device sets, not the driver.
  std::atomic<bool> needs_reset_ = false;

  std::mutex mutex_;
  // All guarded by mutex_.
  uint32_t status_ = 0;
  uint32_t device_features_sel_ = 0;
  uint32_t driver_features_sel_ = 0;
  uint32_t queue_sel_ = 0;
  uint64_t driver_features_ = 0;
  bool features_beyond_64_ = false;  // accepted by the driver, offered by nobody
  std::vector<QueueRegisters> queue_registers_;

  // All of the io thread.
  std::vector<Queue> queues_;
  bool active_ = false;
  bool quiesced_ = false;
  bool kicked_ = false;
  unsigned events_ = 0;
};

}  // namespace mayfly::virtio
