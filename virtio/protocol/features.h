#pragma once

#include <cstdint>

namespace mayfly::virtio {

// Device types (virtio 1.2, 5).
enum class DeviceType : uint32_t {
  kNet = 1,
  kBlock = 2,
};

// One bit of the 64 that a device offers and a driver accepts.
constexpr uint64_t FeatureBit(unsigned bit) { return uint64_t{1} << bit; }

// Bits that mean the same for every device (virtio 1.2, 6).
inline constexpr uint64_t kFeatureIndirectDescriptors = FeatureBit(28);
inline constexpr uint64_t kFeatureEventIndex = FeatureBit(29);
inline constexpr uint64_t kFeatureVersion1 = FeatureBit(32);

// What queue and transport do for every device.
inline constexpr uint64_t kRingFeatures =
    kFeatureIndirectDescriptors | kFeatureEventIndex | kFeatureVersion1;

// Bits of the device status field (virtio 1.2, 2.1).
inline constexpr uint32_t kStatusAcknowledge = 1;
inline constexpr uint32_t kStatusDriver = 2;
inline constexpr uint32_t kStatusDriverOk = 4;
inline constexpr uint32_t kStatusFeaturesOk = 8;
inline constexpr uint32_t kStatusNeedsReset = 64;
inline constexpr uint32_t kStatusFailed = 128;

}  // namespace mayfly::virtio
