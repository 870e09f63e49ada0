#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio/net/ip_network.h"

namespace mayfly::virtio {

// The network's byte order. What is read lies within `bytes`.
[[nodiscard]] inline uint8_t Byte(std::span<const std::byte> bytes, size_t offset) {
  return std::to_integer<uint8_t>(bytes[offset]);
}
[[nodiscard]] inline uint16_t Word(std::span<const std::byte> bytes, size_t offset) {
  constexpr unsigned kBitsPerByte = 8;
  return static_cast<uint16_t>((Byte(bytes, offset) << kBitsPerByte) | Byte(bytes, offset + 1));
}
[[nodiscard]] IpAddress AddressAt(std::span<const std::byte> bytes, size_t offset, IpFamily family);

}  // namespace mayfly::virtio
