#include "vmm/virtio_devices.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "virtio/protocol/block_protocol.h"
#include "vmm/acpi/virtio_slot.h"
#include "vmm/layout.h"
#include "vmm/net_stats.h"
#include "vmm/open_disk.h"
#include "vmm/open_net.h"

namespace mayfly::vmm {
namespace {

static_assert(kMaxDiskSerial == virtio::kBlockIdSize);

// Queues of all devices together. Each has an eventfd, of which a process has 1024 unless told
// otherwise, and an entry on KVM's bus, which takes 1000 (NR_IOBUS_DEVS).
constexpr size_t kMaxQueues = 512;

absl::Status CheckCount(size_t disks, size_t nets) {
  if (disks + nets <= layout::kMaxVirtioDevices) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      disks, " disks and ", nets, " network devices are more than a VM can have: give it at most ",
      layout::kMaxVirtioDevices, " in all"));
}

// What the network devices take of kMaxQueues.
absl::StatusOr<size_t> QueuesOfNets(const std::vector<NetConfig>& nets) {
  size_t queues = 0;
  // Two for each pair, one for commands (virtio 1.2, 5.1.2).
  for (const NetConfig& net : nets) queues += size_t{2} * net.queue_pairs + 1;
  if (queues + layout::kMaxVirtioDevices <= kMaxQueues) return queues;
  return absl::InvalidArgumentError(
      absl::StrCat("the network devices need ", queues,
                   " queues, which is more than a VM can have: give them fewer queue pairs"));
}

// As many queues as vCPUs, so that none waits for another, as long as there are enough for all.
uint16_t QueuesOfADisk(unsigned cpus, size_t disks, size_t queues) {
  return static_cast<uint16_t>(
      std::min({size_t{cpus}, queues / disks, size_t{virtio::Block::kMaxQueues}}));
}

absl::Status NoSuchDevice(std::string_view kind, size_t index, size_t count) {
  return absl::NotFoundError(
      absl::StrCat("there is no ", ToAbsl(kind), " ", index, "; the VM has ", count));
}

}  // namespace

absl::StatusOr<std::unique_ptr<VirtioDevices>> VirtioDevices::Create(
    std::vector<DiskConfig> disks, std::vector<NetConfig> nets, const Surroundings& surroundings) {
  MAYFLY_RETURN_IF_ERROR(CheckCount(disks.size(), nets.size()));
  MAYFLY_ASSIGN_OR_RETURN(const size_t net_queues, QueuesOfNets(nets));
  MAYFLY_ASSIGN_OR_RETURN(auto loop, EventLoop::Create());
  auto devices = std::make_unique<VirtioDevices>(std::move(loop));
  for (DiskConfig& disk : disks) {
    const uint16_t queues = QueuesOfADisk(surroundings.cpus, disks.size(), kMaxQueues - net_queues);
    MAYFLY_RETURN_IF_ERROR(devices->AddDisk(std::move(disk), queues, surroundings));
  }
  for (NetConfig& net : nets) {
    MAYFLY_RETURN_IF_ERROR(devices->AddNet(std::move(net), surroundings));
  }
  return devices;
}

absl::Status VirtioDevices::AddDisk(DiskConfig config, uint16_t queues,
                                    const Surroundings& surroundings) {
  const size_t index = disks_.size();
  if (config.serial.empty()) config.serial = absl::StrCat("mayfly-disk-", index);
  if (config.serial.size() > kMaxDiskSerial) {
    return absl::InvalidArgumentError(
        absl::StrCat("disk \"", config.image.name, "\": its serial \"", config.serial,
                     "\" is longer than ", kMaxDiskSerial, " bytes: shorten it"));
  }
  std::string name = absl::StrCat("disk ", index, " (", config.image.name, ")");
  const virtio::Block::Options options = {
      .serial = std::move(config.serial), .queues = queues, .limits = config.limits};
  MAYFLY_ASSIGN_OR_RETURN(OpenedDisk disk, OpenDisk(std::move(config), *loop_));
  MAYFLY_ASSIGN_OR_RETURN(auto block,
                          virtio::Block::Create(std::move(disk.backend), options, *loop_));
  disks_.push_back({.device = block.get(), .overlay = disk.overlay});
  return AddTransport(std::move(block), std::move(name), surroundings);
}

absl::Status VirtioDevices::AddNet(NetConfig config, const Surroundings& surroundings) {
  std::string name = absl::StrCat("network device ", nets_.size(), " (", config.name, ")");
  MAYFLY_ASSIGN_OR_RETURN(auto net, OpenNet(std::move(config), *loop_));
  nets_.push_back({.device = net.get()});
  return AddTransport(std::move(net), std::move(name), surroundings);
}

absl::Status VirtioDevices::AddTransport(std::unique_ptr<virtio::Device> device, std::string name,
                                         const Surroundings& surroundings) {
  MAYFLY_ASSIGN_OR_RETURN(
      auto transport,
      virtio::MmioTransport::Create(
          std::move(device), surroundings.memory, *loop_,
          {.name = std::move(name),
           .on_first_kick =
               [timeline = surroundings.timeline] { timeline->Record(TimelineStep::kFirstKick); },
           .on_event = surroundings.on_event}));
  transports_.push_back(std::move(transport));
  return absl::OkStatus();
}

std::string VirtioDevices::KernelWords() const {
  std::string words;
  for (size_t i = 0; i < transports_.size(); ++i) {
    const VirtioSlot slot = SlotOf(i);
    absl::StrAppendFormat(&words, "%svirtio_mmio.device=%uK@%#x:%u", words.empty() ? "" : " ",
                          layout::kVirtioMmioStride / layout::kKiB, slot.address, slot.gsi);
  }
  return words;
}

absl::Status VirtioDevices::AttachTo(Bus& mmio) {
  for (size_t i = 0; i < transports_.size(); ++i) {
    MAYFLY_RETURN_IF_ERROR(mmio.Add(SlotOf(i).address, virtio::kMmioSize, *transports_[i]));
  }
  return absl::OkStatus();
}

absl::Status VirtioDevices::BindTo(const Vm& vm) const {
  for (size_t i = 0; i < transports_.size(); ++i) {
    virtio::MmioTransport& transport = *transports_[i];
    const VirtioSlot slot = SlotOf(i);
    transport.ConnectInterrupt([&vm, gsi = slot.gsi] {
      // Cannot fail: the interrupt controller is there, and the line is one of its own.
      [[maybe_unused]] const absl::Status status = vm.PulseIrqLine(gsi);
    });
    for (uint16_t queue = 0; queue < transport.queue_count(); ++queue) {
      MAYFLY_RETURN_IF_ERROR(vm.AssignIoeventfd(transport.kick(queue),
                                                slot.address + virtio::kQueueNotifyOffset, queue));
    }
  }
  return absl::OkStatus();
}

void VirtioDevices::Pause() {
  loop_->RunSync([this] {
    if (std::exchange(paused_, true)) return;
    for (const auto& transport : transports_) transport->Settle();
    loop_->Hold();
  });
}

void VirtioDevices::Resume() {
  loop_->RunSync([this] {
    if (!std::exchange(paused_, false)) return;
    loop_->Release();
    ChangeWhatWasPutOff();
  });
}

void VirtioDevices::Quiesce() {
  quiesced_ = true;
  for (const auto& transport : transports_) transport->Quiesce();
}

absl::Status VirtioDevices::Change(const std::function<absl::Status()>& change) {
  absl::Status status = absl::FailedPreconditionError("the VM has ended");
  loop_->RunSync([this, &change, &status] {
    if (!quiesced_) status = change();
  });
  return status;
}

void VirtioDevices::ChangeWhatWasPutOff() {
  for (Disk& disk : disks_) {
    if (const auto limits = std::exchange(disk.put_off, std::nullopt)) {
      disk.device->UpdateLimits(*limits);
    }
  }
  for (NetDevice& net : nets_) {
    const auto transmit = std::exchange(net.transmit_put_off, std::nullopt);
    const auto receive = std::exchange(net.receive_put_off, std::nullopt);
    if (transmit || receive) net.device->UpdateLimits(transmit, receive);
  }
}

absl::Status VirtioDevices::UpdateDisk(size_t disk, const virtio::RateLimits& limits) {
  if (disk >= disks_.size()) return NoSuchDevice("disk", disk, disks_.size());
  return Change([this, disk, &limits] {
    disks_[disk].put_off = limits;
    if (!paused_) ChangeWhatWasPutOff();
    return absl::OkStatus();
  });
}

absl::Status VirtioDevices::UpdateNet(size_t net, const std::optional<virtio::RateLimits>& transmit,
                                      const std::optional<virtio::RateLimits>& receive) {
  if (net >= nets_.size()) return NoSuchDevice("network device", net, nets_.size());
  return Change([this, net, &transmit, &receive] {
    if (transmit) nets_[net].transmit_put_off = transmit;
    if (receive) nets_[net].receive_put_off = receive;
    if (!paused_) ChangeWhatWasPutOff();
    return absl::OkStatus();
  });
}

absl::StatusOr<uint64_t> VirtioDevices::ResizeDisk(size_t disk) {
  if (disk >= disks_.size()) return NoSuchDevice("disk", disk, disks_.size());
  uint64_t bytes = 0;
  MAYFLY_RETURN_IF_ERROR(Change([this, disk, &bytes]() -> absl::Status {
    MAYFLY_ASSIGN_OR_RETURN(bytes, disks_[disk].device->RefreshCapacity());
    return absl::OkStatus();
  }));
  return bytes;
}

DeviceStats VirtioDevices::Stats() {
  DeviceStats stats;
  loop_->RunSync([this, &stats] {
    for (const Disk& disk : disks_) {
      stats.disks.push_back(
          {.counters = disk.device->counters(),
           .capacity = disk.device->capacity(),
           .overlay_bytes = disk.overlay != nullptr ? disk.overlay->used_bytes() : 0});
    }
    for (const NetDevice& net : nets_) stats.nets.push_back(StatsOf(*net.device));
  });
  return stats;
}

}  // namespace mayfly::vmm
