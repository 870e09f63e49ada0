#include "virtio/testing/mmio_driver.h"

#include <span>

#include "virtio/protocol/features.h"

namespace mayfly::virtio {
namespace {

constexpr uint32_t Low(uint64_t value) { return static_cast<uint32_t>(value); }
constexpr uint32_t High(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

}  // namespace

uint32_t MmioDriver::Read(MmioRegister reg) const {
  uint32_t value = 0;
  device_.Read(static_cast<uint64_t>(reg), std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

void MmioDriver::Write(MmioRegister reg, uint32_t value) const {
  device_.Write(static_cast<uint64_t>(reg), std::as_bytes(std::span(&value, 1)));
}

uint32_t MmioDriver::AddStatus(uint32_t bits) const {
  Write(MmioRegister::kStatus, Read(MmioRegister::kStatus) | bits);
  return Read(MmioRegister::kStatus);
}

uint64_t MmioDriver::OfferedFeatures() const {
  Write(MmioRegister::kDeviceFeaturesSel, 0);
  const uint64_t low = Read(MmioRegister::kDeviceFeatures);
  Write(MmioRegister::kDeviceFeaturesSel, 1);
  return low | uint64_t{Read(MmioRegister::kDeviceFeatures)} << 32;
}

void MmioDriver::AcceptFeatures(uint64_t features) const {
  Write(MmioRegister::kDriverFeaturesSel, 0);
  Write(MmioRegister::kDriverFeatures, Low(features));
  Write(MmioRegister::kDriverFeaturesSel, 1);
  Write(MmioRegister::kDriverFeatures, High(features));
}

uint32_t MmioDriver::Negotiate(uint64_t features) const {
  Reset();
  AddStatus(kStatusAcknowledge);
  AddStatus(kStatusDriver);
  AcceptFeatures(features);
  return AddStatus(kStatusFeaturesOk);
}

void MmioDriver::SetUpQueue(uint16_t queue, const QueueLayout& layout) const {
  Write(MmioRegister::kQueueSel, queue);
  Write(MmioRegister::kQueueNum, layout.size);
  Write(MmioRegister::kQueueDescLow, Low(layout.descriptors));
  Write(MmioRegister::kQueueDescHigh, High(layout.descriptors));
  Write(MmioRegister::kQueueDriverLow, Low(layout.available));
  Write(MmioRegister::kQueueDriverHigh, High(layout.available));
  Write(MmioRegister::kQueueDeviceLow, Low(layout.used));
  Write(MmioRegister::kQueueDeviceHigh, High(layout.used));
  Write(MmioRegister::kQueueReady, 1);
}

uint32_t MmioDriver::Start(uint64_t features, const QueueLayout& layout) const {
  Negotiate(features);
  SetUpQueue(0, layout);
  return AddStatus(kStatusDriverOk);
}

}  // namespace mayfly::virtio
