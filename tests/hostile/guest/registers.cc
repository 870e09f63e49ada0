#include "tests/hostile/guest/registers.h"

#include "virtio/protocol/features.h"

namespace mayfly::hostile {
namespace {

using virtio::MmioRegister;

constexpr unsigned kWordBits = 32;

}  // namespace

uint32_t Registers::AddStatus(uint32_t bits) const {
  Write(MmioRegister::kStatus, status() | bits);
  return status();
}

uint64_t Registers::OfferedFeatures() const {
  Write(MmioRegister::kDeviceFeaturesSel, 0);
  const uint64_t low = Read(MmioRegister::kDeviceFeatures);
  Write(MmioRegister::kDeviceFeaturesSel, 1);
  return low | uint64_t{Read(MmioRegister::kDeviceFeatures)} << kWordBits;
}

void Registers::AcceptFeatures(uint64_t features) const {
  Write(MmioRegister::kDriverFeaturesSel, 0);
  Write(MmioRegister::kDriverFeatures, static_cast<uint32_t>(features));
  Write(MmioRegister::kDriverFeaturesSel, 1);
  Write(MmioRegister::kDriverFeatures, static_cast<uint32_t>(features >> kWordBits));
}

uint32_t Registers::Negotiate(uint64_t features) const {
  Reset();
  AddStatus(virtio::kStatusAcknowledge);
  AddStatus(virtio::kStatusDriver);
  AcceptFeatures(features);
  return AddStatus(virtio::kStatusFeaturesOk);
}

uint32_t Registers::QueueLimit(uint32_t queue) const {
  Write(MmioRegister::kQueueSel, queue);
  return Read(MmioRegister::kQueueNumMax);
}

void Registers::SetUpQueue(uint32_t queue, const QueuePlace& place) const {
  const auto write_address = [this](MmioRegister low, MmioRegister high, uint64_t address) {
    Write(low, static_cast<uint32_t>(address));
    Write(high, static_cast<uint32_t>(address >> kWordBits));
  };
  Write(MmioRegister::kQueueSel, queue);
  Write(MmioRegister::kQueueNum, place.size);
  write_address(MmioRegister::kQueueDescLow, MmioRegister::kQueueDescHigh, place.descriptors);
  write_address(MmioRegister::kQueueDriverLow, MmioRegister::kQueueDriverHigh, place.available);
  write_address(MmioRegister::kQueueDeviceLow, MmioRegister::kQueueDeviceHigh, place.used);
  Write(MmioRegister::kQueueReady, 1);
}

bool Registers::QueueReady(uint32_t queue) const {
  Write(MmioRegister::kQueueSel, queue);
  return Read(MmioRegister::kQueueReady) != 0;
}

}  // namespace mayfly::hostile
