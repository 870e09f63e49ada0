#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mayfly::virtio {

// An Ethernet address, in the order in which it is sent.
struct MacAddress {
  static constexpr size_t kSize = 6;

  std::array<uint8_t, kSize> bytes{};

  // Six bytes in hexadecimal with colons between: 02:00:00:00:00:01. Errors: InvalidArgument.
  [[nodiscard]] static absl::StatusOr<MacAddress> Parse(std::string_view text);
  [[nodiscard]] std::string ToString() const;

  // For many stations; never the address of one (IEEE 802, the I/G bit).
  [[nodiscard]] constexpr bool IsMulticast() const { return (bytes[0] & 0x01U) != 0; }
  // What one interface can have: neither multicast nor all zero.
  [[nodiscard]] constexpr bool IsStation() const { return !IsMulticast() && *this != MacAddress(); }

  friend constexpr bool operator==(const MacAddress&, const MacAddress&) = default;
};
static_assert(sizeof(MacAddress) == MacAddress::kSize);

}  // namespace mayfly::virtio
