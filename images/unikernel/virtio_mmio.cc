#include "images/unikernel/virtio_mmio.h"

#include <optional>
#include <string_view>

#include "images/unikernel/boot_info.h"
#include "images/unikernel/command_line.h"
#include "images/unikernel/io.h"
#include "images/unikernel/memory.h"
#include "images/unikernel/virtqueue.h"

namespace mayfly::guest {

enum class VirtioMmio::Register : uint64_t {
  kMagic = 0x000,
  kVersion = 0x004,
  kDeviceId = 0x008,
  kDeviceFeatures = 0x010,
  kDeviceFeaturesSelect = 0x014,
  kDriverFeatures = 0x020,
  kDriverFeaturesSelect = 0x024,
  kQueueSelect = 0x030,
  kQueueSizeMax = 0x034,
  kQueueSize = 0x038,
  kQueueReady = 0x044,
  kQueueNotify = 0x050,
  kInterruptStatus = 0x060,
  kInterruptAcknowledge = 0x064,
  kStatus = 0x070,
  kQueueDescriptors = 0x080,  // each of the three: low half, then high half
  kQueueDriver = 0x090,
  kQueueDevice = 0x0a0,
  kConfigGeneration = 0x0fc,
  kConfig = 0x100,
};

namespace {

constexpr uint32_t kMagicValue = 0x74726976;  // "virt"
constexpr uint32_t kModernVersion = 2;
constexpr uint64_t kRegisterBytes = 0x200;

// Virtio 1.2, 2.1 and 6.
constexpr uint32_t kAcknowledge = 1;
constexpr uint32_t kDriver = 2;
constexpr uint32_t kDriverOk = 4;
constexpr uint32_t kFeaturesOk = 8;
constexpr uint64_t kVersion1 = uint64_t{1} << 32;

struct Slot {
  uint64_t address;
  unsigned gsi;
};

// "virtio_mmio.device=4K@0xd0000000:16", perhaps with ":ID" after it. The size says nothing that is
// not known.
std::optional<Slot> ParseSlot(std::string_view word) {
  constexpr std::string_view kPrefix = "virtio_mmio.device=";
  if (!word.starts_with(kPrefix)) return std::nullopt;
  const size_t at = word.find('@');
  const size_t colon = word.find(':', at);
  if (at == std::string_view::npos || colon == std::string_view::npos) return std::nullopt;
  const std::optional<uint64_t> address = ParseNumber(word.substr(at + 1, colon - at - 1));
  std::string_view line = word.substr(colon + 1);
  const std::optional<uint64_t> gsi = ParseNumber(line.substr(0, line.find(':')));
  if (!address || !gsi || *gsi > UINT32_MAX) return std::nullopt;
  return Slot{.address = *address, .gsi = static_cast<unsigned>(*gsi)};
}

}  // namespace

std::vector<VirtioMmio> VirtioMmio::FindAll(VirtioDeviceId id) {
  std::vector<VirtioMmio> devices;
  std::string_view rest = CommandLine();
  for (std::string_view word = NextWord(rest); !word.empty(); word = NextWord(rest)) {
    const std::optional<Slot> slot = ParseSlot(word);
    if (!slot) continue;
    MapMemory(slot->address, kRegisterBytes);
    const VirtioMmio device(slot->address, slot->gsi);
    if (device.Read(Register::kMagic) == kMagicValue &&
        device.Read(Register::kVersion) == kModernVersion &&
        device.Read(Register::kDeviceId) == static_cast<uint32_t>(id)) {
      devices.push_back(device);
    }
  }
  return devices;
}

// Virtio 1.2, 3.1.1: the steps and their order.
bool VirtioMmio::Negotiate(uint64_t wanted) {
  Write(Register::kStatus, 0);
  while (Read(Register::kStatus) != 0) asm volatile("pause");
  Write(Register::kStatus, kAcknowledge);
  Write(Register::kStatus, kAcknowledge | kDriver);
  Write(Register::kDeviceFeaturesSelect, 0);
  uint64_t offered = Read(Register::kDeviceFeatures);
  Write(Register::kDeviceFeaturesSelect, 1);
  offered |= uint64_t{Read(Register::kDeviceFeatures)} << 32;
  features_ = offered & (wanted | kVersion1);
  Write(Register::kDriverFeaturesSelect, 0);
  Write(Register::kDriverFeatures, static_cast<uint32_t>(features_));
  Write(Register::kDriverFeaturesSelect, 1);
  Write(Register::kDriverFeatures, static_cast<uint32_t>(features_ >> 32));
  Write(Register::kStatus, kAcknowledge | kDriver | kFeaturesOk);
  return (Read(Register::kStatus) & kFeaturesOk) != 0;
}

uint32_t VirtioMmio::QueueLimit(uint32_t index) const {
  Write(Register::kQueueSelect, index);
  return Read(Register::kQueueSizeMax);
}

void VirtioMmio::EnableQueue(uint32_t index, const Virtqueue& queue) const {
  Write(Register::kQueueSelect, index);
  Write(Register::kQueueSize, queue.size());
  WriteAddress(Register::kQueueDescriptors, queue.descriptors());
  WriteAddress(Register::kQueueDriver, queue.available_ring());
  WriteAddress(Register::kQueueDevice, queue.used_ring());
  Write(Register::kQueueReady, 1);
}

void VirtioMmio::SetDriverOk() const {
  Write(Register::kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk);
}

void VirtioMmio::Notify(uint32_t queue) const { Write(Register::kQueueNotify, queue); }

void VirtioMmio::HandleInterrupts(InterruptHandler handler, void* context) const {
  HandleGsi(gsi_, handler, context);
}

void VirtioMmio::AcknowledgeInterrupt() const {
  Write(Register::kInterruptAcknowledge, Read(Register::kInterruptStatus));
}

uint8_t VirtioMmio::ReadConfig8(uint64_t offset) const {
  return ReadRegister<uint8_t>(base_ + static_cast<uint64_t>(Register::kConfig) + offset);
}

uint32_t VirtioMmio::ReadConfig32(uint64_t offset) const {
  return ReadRegister<uint32_t>(base_ + static_cast<uint64_t>(Register::kConfig) + offset);
}

// Virtio 1.2, 2.5.1: a field wider than 32 bits may change between the two reads; the generation
// tells.
uint64_t VirtioMmio::ReadConfig64(uint64_t offset) const {
  while (true) {
    const uint32_t before = Read(Register::kConfigGeneration);
    const uint64_t low = ReadConfig32(offset);
    const uint64_t high = ReadConfig32(offset + sizeof(uint32_t));
    if (Read(Register::kConfigGeneration) == before) return low | high << 32;
  }
}

uint32_t VirtioMmio::Read(Register which) const {
  return ReadRegister<uint32_t>(base_ + static_cast<uint64_t>(which));
}

void VirtioMmio::Write(Register which, uint32_t value) const {
  WriteRegister<uint32_t>(base_ + static_cast<uint64_t>(which), value);
}

void VirtioMmio::WriteAddress(Register low, const void* address) const {
  const auto value = reinterpret_cast<uint64_t>(address);
  const auto high = Register{static_cast<uint64_t>(low) + sizeof(uint32_t)};
  Write(low, static_cast<uint32_t>(value));
  Write(high, static_cast<uint32_t>(value >> 32));
}

}  // namespace mayfly::guest
