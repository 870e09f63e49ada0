#include "vmm/virtio_devices.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "virtio/block.h"
#include "virtio/raw_disk.h"
#include "vmm/acpi/virtio_slot.h"
#include "vmm/layout.h"

namespace mayfly::vmm {
namespace {

constexpr size_t kMaxSerial = 20;  // virtio 1.2, 5.2.6.1

virtio::BlockAccess AccessOf(const DiskConfig& config) {
  return config.access == DiskAccess::kReadOnly ? virtio::BlockAccess::kReadOnly
                                                : virtio::BlockAccess::kReadWrite;
}

}  // namespace

absl::StatusOr<std::unique_ptr<VirtioDevices>> VirtioDevices::Create(
    std::vector<DiskConfig> disks, const GuestMemory& memory,
    const std::shared_ptr<Timeline>& timeline, const std::function<void(std::string)>& on_event) {
  if (disks.size() > layout::kMaxVirtioDevices) {
    return absl::InvalidArgumentError(absl::StrCat(disks.size(),
                                                   " disks are more than a VM can have: give it at "
                                                   "most ",
                                                   layout::kMaxVirtioDevices));
  }
  MAYFLY_ASSIGN_OR_RETURN(auto loop, EventLoop::Create());
  auto devices = std::make_unique<VirtioDevices>(std::move(loop));
  for (DiskConfig& disk : disks) {
    MAYFLY_RETURN_IF_ERROR(devices->AddDisk(std::move(disk), memory, timeline, on_event));
  }
  return devices;
}

absl::Status VirtioDevices::AddDisk(DiskConfig config, const GuestMemory& memory,
                                    const std::shared_ptr<Timeline>& timeline,
                                    const std::function<void(std::string)>& on_event) {
  const size_t index = transports_.size();
  if (config.serial.empty()) config.serial = absl::StrCat("mayfly-disk-", index);
  if (config.serial.size() > kMaxSerial) {
    return absl::InvalidArgumentError(
        absl::StrCat("disk \"", config.image.name, "\": its serial \"", config.serial,
                     "\" is longer than ", kMaxSerial, " bytes: shorten it"));
  }
  const std::string name = absl::StrCat("disk ", index, " (", config.image.name, ")");
  MAYFLY_ASSIGN_OR_RETURN(auto backend,
                          virtio::RawDisk::Open(std::move(config.image.fd), AccessOf(config),
                                                std::move(config.image.name)));
  MAYFLY_ASSIGN_OR_RETURN(
      auto transport,
      virtio::MmioTransport::Create(
          std::make_unique<virtio::Block>(std::move(backend), config.serial), memory, *loop_,
          {.name = name,
           .on_first_kick = [timeline] { timeline->Record(TimelineStep::kFirstKick); },
           .on_event = on_event}));
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
    const virtio::MmioTransport& transport = *transports_[i];
    const VirtioSlot slot = SlotOf(i);
    MAYFLY_RETURN_IF_ERROR(vm.AssignIrqfd(transport.interrupt(), slot.gsi));
    for (uint16_t queue = 0; queue < transport.queue_count(); ++queue) {
      MAYFLY_RETURN_IF_ERROR(vm.AssignIoeventfd(transport.kick(queue),
                                                slot.address + virtio::kQueueNotifyOffset, queue));
    }
  }
  return absl::OkStatus();
}

void VirtioDevices::Quiesce() {
  for (const auto& transport : transports_) transport->Quiesce();
}

}  // namespace mayfly::vmm
