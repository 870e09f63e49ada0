#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "base/timeline.h"
#include "virtio/mmio_transport.h"
#include "vmm/devices/bus.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine_config.h"

namespace mayfly::vmm {

// The virtio devices of a VM, and the loop that serves them.
//
// Threading: as MmioTransport. Run() is the io thread's.
class VirtioDevices final {
 public:
  // Opens the disks of `disks`, taking their descriptors. `memory` outlives the devices.
  // Errors: those of virtio::RawDisk, and InvalidArgument for more disks than there are places.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<VirtioDevices>> Create(
      std::vector<DiskConfig> disks, const GuestMemory& memory,
      const std::shared_ptr<Timeline>& timeline, const std::function<void(std::string)>& on_event);

  explicit VirtioDevices(std::unique_ptr<EventLoop> loop) : loop_(std::move(loop)) {}
  VirtioDevices(const VirtioDevices&) = delete;
  VirtioDevices& operator=(const VirtioDevices&) = delete;
  ~VirtioDevices() = default;

  [[nodiscard]] size_t size() const { return transports_.size(); }
  // For the kernel's command line: where each device is, for kernels without ACPI.
  [[nodiscard]] std::string KernelWords() const;

  // Puts the registers on the bus.
  [[nodiscard]] absl::Status AttachTo(Bus& mmio);
  // Has KVM turn kicks into events and events into interrupts. The last thing before the guest
  // runs: see Vm::SetMemory.
  [[nodiscard]] absl::Status BindTo(const Vm& vm) const;

  // Serves the devices until Stop().
  void Run() { loop_->Run(); }
  void Stop() { loop_->Stop(); }
  // Ends all I/O for good: when this returns, no disk is touched any more, and the locks on them
  // are released.
  void Quiesce();

 private:
  [[nodiscard]] absl::Status AddDisk(DiskConfig config, const GuestMemory& memory,
                                     const std::shared_ptr<Timeline>& timeline,
                                     const std::function<void(std::string)>& on_event);

  const std::unique_ptr<EventLoop> loop_;
  std::vector<std::unique_ptr<virtio::MmioTransport>> transports_;  // in the order of their slots
};

}  // namespace mayfly::vmm
