#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/guest_memory.h"
#include "base/timeline.h"
#include "virtio/block/block.h"
#include "virtio/block/overlay/overlay_disk.h"
#include "virtio/core/device_event.h"
#include "virtio/core/mmio_transport.h"
#include "virtio/net/net.h"
#include "virtio/rate/rate_limiter.h"
#include "vmm/device_stats.h"
#include "vmm/devices/bus.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine_config.h"

namespace mayfly::vmm {

// The virtio devices of a VM, and the loop that serves them. Disks and network devices are meant by
// their positions in the configuration.
//
// Threading: as MmioTransport. Run() is the io thread's.
class VirtioDevices final {
 public:
  struct Surroundings {
    const GuestMemory& memory;  // outlives the devices
    unsigned cpus = 1;
    std::shared_ptr<Timeline> timeline;
    virtio::DeviceEventListener on_event;  // see MachineConfig
  };

  // Opens what `disks` and `nets` consist of, taking their descriptors. Errors: those of the
  // backends, and InvalidArgument for more devices than there are places.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<VirtioDevices>> Create(
      std::vector<DiskConfig> disks, std::vector<NetConfig> nets, const Surroundings& surroundings);

  explicit VirtioDevices(std::unique_ptr<EventLoop> loop) : loop_(std::move(loop)) {}
  VirtioDevices(const VirtioDevices&) = delete;
  VirtioDevices& operator=(const VirtioDevices&) = delete;
  ~VirtioDevices() = default;

  [[nodiscard]] size_t size() const { return transports_.size(); }
  // For the kernel's command line: where each device is, for kernels without ACPI.
  [[nodiscard]] std::string KernelWords() const;

  // Puts the registers on the bus.
  [[nodiscard]] absl::Status AttachTo(Bus& mmio);
  // Has KVM turn kicks into events, and gives the devices their interrupt lines. The last thing
  // before the guest runs: see Vm::SetMemory. `vm` outlives the devices.
  [[nodiscard]] absl::Status BindTo(const Vm& vm) const;

  // Says that Run() is about to be called: from now on no other thread does its work.
  void Announce() { loop_->Announce(); }
  // Serves the devices until Stop().
  void Run() { loop_->Run(); }
  void Stop() { loop_->Stop(); }
  // Finishes the I/O that is in flight, and begins none until Resume(): when this returns, nobody
  // touches guest memory for a device. While the guest's CPUs rest. Does nothing the second time.
  void Pause();
  // Goes on. Does nothing when it was not paused.
  void Resume();
  // Ends all I/O for good: when this returns, no disk is touched any more, and the locks on them
  // are released.
  void Quiesce();

  // What an owner may change while the guest runs. Any thread. Errors: NotFound for a device that
  // there is not; FailedPrecondition after Quiesce().
  [[nodiscard]] absl::Status UpdateDisk(size_t disk, const virtio::RateLimits& limits);
  // A direction without new limits keeps its own.
  [[nodiscard]] absl::Status UpdateNet(size_t net,
                                       const std::optional<virtio::RateLimits>& transmit,
                                       const std::optional<virtio::RateLimits>& receive);
  // Looks at the size of the disk's image again, and tells the guest. Returns it, in bytes. Errors:
  // those of virtio::Block::RefreshCapacity(), too.
  [[nodiscard]] absl::StatusOr<uint64_t> ResizeDisk(size_t disk);
  [[nodiscard]] DeviceStats Stats();

 private:
  struct Disk {
    virtio::Block* device = nullptr;
    const virtio::OverlayDisk* overlay = nullptr;              // where there is one
    std::optional<virtio::RateLimits> put_off = std::nullopt;  // until the end of the pause
  };
  struct NetDevice {
    virtio::Net* device = nullptr;
    std::optional<virtio::RateLimits> transmit_put_off = std::nullopt;
    std::optional<virtio::RateLimits> receive_put_off = std::nullopt;
  };

  [[nodiscard]] absl::Status AddDisk(DiskConfig config, uint16_t queues,
                                     const Surroundings& surroundings);
  [[nodiscard]] absl::Status AddNet(NetConfig config, const Surroundings& surroundings);
  [[nodiscard]] absl::Status AddTransport(std::unique_ptr<virtio::Device> device, std::string name,
                                          const Surroundings& surroundings);
  // Runs `change` on the io thread, unless all is over.
  [[nodiscard]] absl::Status Change(const std::function<absl::Status()>& change);
  // Gives the devices the limits that came while they rested: new limits may set I/O going. On the
  // io thread.
  void ChangeWhatWasPutOff();

  const std::unique_ptr<EventLoop> loop_;
  std::vector<std::unique_ptr<virtio::MmioTransport>> transports_;  // in the order of their slots
  // The devices within transports_, and what they are made of. Of the io thread once it runs.
  std::vector<Disk> disks_;
  std::vector<NetDevice> nets_;
  bool paused_ = false;                 // of the io thread
  std::atomic<bool> quiesced_ = false;  // set ahead of the io thread's last work for transports_
};

}  // namespace mayfly::vmm
