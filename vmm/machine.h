#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guest_memory.h"
#include "base/timeline.h"
#include "virtio/rate/rate_limiter.h"
#include "vmm/console.h"
#include "vmm/cpu/vcpu.h"
#include "vmm/device_stats.h"
#include "vmm/devices/bus.h"
#include "vmm/devices/platform.h"
#include "vmm/exit_sink.h"
#include "vmm/exit_status.h"
#include "vmm/kvm/kvm.h"
#include "vmm/machine_config.h"
#include "vmm/machine_stats.h"
#include "vmm/parked_thread.h"
#include "vmm/virtio_devices.h"

namespace mayfly::vmm {

// One virtual machine: guest memory, vCPUs and devices on their threads.
//
// Create() does everything up to the first instruction, in the order that KVM is fastest in (see
// fast path in ARCHITECTURE.md). The VM ends once, for one reason: the first that comes.
// Destruction ends it if nothing has, and joins all threads; a process that is about to exit anyway
// skips it.
//
// Threading: Create(), Start(), Pause(), Resume() and the destructor on one thread; the rest on
// any.
class Machine final : private ExitSink {
  class Passkey {
    friend class Machine;
    Passkey() = default;
  };

 public:
  // Called once, on whichever thread saw the end, after the devices are quiescent (no disk I/O is
  // in flight any more). Must not destroy the Machine.
  using ExitListener = std::function<void()>;

  // Errors: InvalidArgument or OutOfRange for a bad configuration or image (says what and what to
  // do); Internal and others for a host that does not play along.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Machine>> Create(
      MachineConfig config, std::shared_ptr<Timeline> timeline, ExitListener on_exit);

  Machine(Passkey, MachineConfig config, GuestMemory memory, Vm vm,
          std::unique_ptr<Console> console, std::shared_ptr<Timeline> timeline);
  ~Machine() override;

  // Lets the vCPUs run. Errors: FailedPrecondition when called twice, or when the VM has ended
  // already; those of MachineConfig::thread_setup.
  [[nodiscard]] absl::Status Start();
  // Has the guest rest: when this returns OK, no vCPU runs, and nobody touches guest memory until
  // Resume(). Its end can still come, from outside: the timeout goes on. Twice is fine, either.
  // Errors: FailedPrecondition when the VM was not started, or has ended.
  [[nodiscard]] absl::Status Pause();
  [[nodiscard]] absl::Status Resume();
  // Presses and lets go of the power button, which ACPI has: what comes of it is the guest's
  // affair. Errors: FailedPrecondition when the VM was not started, or has ended.
  [[nodiscard]] absl::Status PressPowerButton();
  // Ends the VM from outside; does nothing when it has ended already. `reason`: kKilled or
  // kTimeout.
  void End(ExitReason reason, std::string detail);
  // How it ended; nothing while it has not (or its devices are not quiescent yet).
  [[nodiscard]] std::optional<ExitStatus> exit_status() const;
  [[nodiscard]] MachineState state() const;
  // What its owner may change while it runs, and look at: see VirtioDevices.
  [[nodiscard]] absl::Status UpdateDisk(size_t disk, const virtio::RateLimits& limits);
  [[nodiscard]] absl::Status UpdateNet(size_t net,
                                       const std::optional<virtio::RateLimits>& transmit,
                                       const std::optional<virtio::RateLimits>& receive);
  [[nodiscard]] absl::StatusOr<uint64_t> ResizeDisk(size_t disk);
  [[nodiscard]] DeviceStats device_stats();
  [[nodiscard]] Console& console() { return *console_; }
  [[nodiscard]] const Timeline& timeline() const { return *timeline_; }

 private:
  [[nodiscard]] absl::Status CreateVcpus(const Kvm& kvm);
  [[nodiscard]] absl::Status CreateDevices();
  [[nodiscard]] absl::Status LoadGuest();
  // Closes what only Create() needed.
  void DropInputs();
  [[nodiscard]] absl::Status AddThread(std::string name, ParkedThread::Preparation preparation);
  // Waits until all threads are prepared, then prepares the caller's.
  [[nodiscard]] absl::Status PrepareThreads();
  // What vCPU `index` does with its thread.
  void RunVcpu(size_t index);
  // Whether the guest can rest, or go on. Errors: FailedPrecondition.
  [[nodiscard]] absl::Status CheckRunning() const;
  void Exit(ExitStatus status) override;

  MachineConfig config_;
  const std::shared_ptr<Timeline> timeline_;
  ExitListener on_exit_;  // empty until Create() has succeeded: a VM that never was does not end

  GuestMemory memory_;
  Vm vm_;
  std::unique_ptr<Console> console_;
  Bus ports_;
  Bus mmio_;
  Platform platform_;
  std::unique_ptr<VirtioDevices>
      virtio_;  // nullptr where there are none, then there is no io thread either
  std::vector<std::unique_ptr<Vcpu>> vcpus_;
  std::vector<ParkedThread> threads_;  // the vCPUs', then the io thread if any

  mutable std::mutex mutex_;
  bool started_ = false;  // these are guarded by mutex_
  bool paused_ = false;
  bool ending_ = false;
  std::optional<ExitStatus> status_;  // set once the devices are quiescent
};

}  // namespace mayfly::vmm
