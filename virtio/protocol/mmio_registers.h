#pragma once

#include <cstdint>

namespace mayfly::virtio {

// The register file of virtio-mmio, version 2 (virtio 1.2, 4.2.2). Each is 32 bits wide.
enum class MmioRegister : uint64_t {
  kMagicValue = 0x000,
  kVersion = 0x004,
  kDeviceId = 0x008,
  kVendorId = 0x00c,
  kDeviceFeatures = 0x010,
  kDeviceFeaturesSel = 0x014,
  kDriverFeatures = 0x020,
  kDriverFeaturesSel = 0x024,
  kQueueSel = 0x030,
  kQueueNumMax = 0x034,
  kQueueNum = 0x038,
  kQueueReady = 0x044,
  kQueueNotify = 0x050,
  kInterruptStatus = 0x060,
  kInterruptAck = 0x064,
  kStatus = 0x070,
  kQueueDescLow = 0x080,
  kQueueDescHigh = 0x084,
  kQueueDriverLow = 0x090,
  kQueueDriverHigh = 0x094,
  kQueueDeviceLow = 0x0a0,
  kQueueDeviceHigh = 0x0a4,
  kShmSel = 0x0ac,
  kShmLenLow = 0x0b0,
  kShmLenHigh = 0x0b4,
  kShmBaseLow = 0x0b8,
  kShmBaseHigh = 0x0bc,
  kConfigGeneration = 0x0fc,
};

// Where the device's own configuration space begins.
inline constexpr uint64_t kMmioConfigOffset = 0x100;
// Registers and configuration space together: as much as any device here needs, a power of two.
inline constexpr uint64_t kMmioSize = 0x200;
// Where an ioeventfd goes; the value written is the queue's number.
inline constexpr uint64_t kQueueNotifyOffset = static_cast<uint64_t>(MmioRegister::kQueueNotify);

inline constexpr uint32_t kMmioMagic = 0x74726976;  // "virt"
inline constexpr uint32_t kMmioVersion = 2;
inline constexpr uint32_t kMmioVendor = 0x4c46594d;  // "MYFL"
// A shared memory region that does not exist has this in both halves of its length and base.
inline constexpr uint32_t kNoSharedMemory = 0xffffffff;

// Bits of InterruptStatus and InterruptACK.
inline constexpr uint32_t kInterruptUsedBuffer = 1;
inline constexpr uint32_t kInterruptConfigChange = 2;

}  // namespace mayfly::virtio
