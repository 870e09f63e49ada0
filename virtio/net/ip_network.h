#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mayfly::virtio {

enum class IpFamily : uint8_t { kV4, kV6 };

// An IPv4 or IPv6 address. Addresses of different families are never equal: ::ffff:192.0.2.1 is an
// IPv6 address.
class IpAddress final {
 public:
  static constexpr size_t kV4Size = 4;
  static constexpr size_t kV6Size = 16;
  using V4Bytes = std::array<uint8_t, kV4Size>;
  using V6Bytes = std::array<uint8_t, kV6Size>;

  // 0.0.0.0.
  constexpr IpAddress() = default;
  // As on the wire.
  constexpr explicit IpAddress(const V4Bytes& bytes) : family_(IpFamily::kV4) {
    for (size_t i = 0; i < kV4Size; ++i) bytes_[i] = bytes[i];
  }
  constexpr explicit IpAddress(const V6Bytes& bytes) : family_(IpFamily::kV6), bytes_(bytes) {}
  // "192.0.2.1" or "2001:db8::1" (inet_pton(3)). Errors: InvalidArgument.
  [[nodiscard]] static absl::StatusOr<IpAddress> Parse(std::string_view text);

  [[nodiscard]] constexpr IpFamily family() const { return family_; }
  [[nodiscard]] constexpr unsigned bits() const {
    return family_ == IpFamily::kV4 ? kBitsPerByte * kV4Size : kBitsPerByte * kV6Size;
  }
  // The first bits() of them, most significant first; the rest is zero.
  [[nodiscard]] constexpr const V6Bytes& bytes() const { return bytes_; }
  // 0.0.0.0 or ::.
  [[nodiscard]] constexpr bool IsUnspecified() const { return bytes_ == V6Bytes{}; }
  // 224.0.0.0/4 or ff00::/8.
  [[nodiscard]] constexpr bool IsMulticast() const {
    return family_ == IpFamily::kV4 ? (bytes_[0] & 0xf0U) == 0xe0 : bytes_[0] == 0xff;
  }
  [[nodiscard]] std::string ToString() const;

  friend constexpr bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  static constexpr unsigned kBitsPerByte = 8;

  IpFamily family_ = IpFamily::kV4;
  V6Bytes bytes_{};
};

// All addresses of a family that begin with the same bits.
class IpNetwork final {
 public:
  // 0.0.0.0/0.
  constexpr IpNetwork() = default;
  // One address.
  explicit IpNetwork(const IpAddress& address) : base_(address), prefix_length_(address.bits()) {}
  // Errors: InvalidArgument for a prefix longer than the address, or bits set in `base` behind it.
  [[nodiscard]] static absl::StatusOr<IpNetwork> Create(const IpAddress& base,
                                                        unsigned prefix_length);
  // "192.0.2.0/24", "2001:db8::/32"; without a prefix length, a single address. Errors: as
  // Create(), and InvalidArgument for other text.
  [[nodiscard]] static absl::StatusOr<IpNetwork> Parse(std::string_view text);

  [[nodiscard]] const IpAddress& base() const { return base_; }
  [[nodiscard]] IpFamily family() const { return base_.family(); }
  [[nodiscard]] unsigned prefix_length() const { return prefix_length_; }
  [[nodiscard]] bool Contains(const IpAddress& address) const;
  // Always with its prefix length.
  [[nodiscard]] std::string ToString() const;

  friend bool operator==(const IpNetwork&, const IpNetwork&) = default;

 private:
  IpNetwork(const IpAddress& base, unsigned prefix_length)
      : base_(base), prefix_length_(prefix_length) {}

  IpAddress base_;
  unsigned prefix_length_ = 0;
};

}  // namespace mayfly::virtio
