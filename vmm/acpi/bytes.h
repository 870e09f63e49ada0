#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace mayfly::vmm {

using Bytes = std::vector<std::byte>;

// Appends the bytes of `value`, little-endian as everything on this machine.
template <typename T>
requires std::is_trivially_copyable_v<T>
void Append(Bytes& bytes, const T& value) {
  const auto raw = std::as_bytes(std::span(&value, 1));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

inline void AppendBytes(Bytes& bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

// The byte that makes the sum of all, with it, zero: how ACPI and MP tables are checked.
[[nodiscard]] inline uint8_t Checksum(std::span<const std::byte> bytes) {
  uint8_t sum = 0;
  for (const std::byte byte : bytes)
    sum = static_cast<uint8_t>(sum + std::to_integer<uint8_t>(byte));
  return static_cast<uint8_t>(-sum);
}

}  // namespace mayfly::vmm
