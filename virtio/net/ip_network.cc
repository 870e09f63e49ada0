#include "virtio/net/ip_network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

constexpr unsigned kBitsPerByte = 8;
constexpr unsigned kAllOnes = 0xff;

// The bits of the address's byte `index` that belong to a prefix of `prefix_length`.
[[nodiscard]] constexpr unsigned PrefixMask(unsigned prefix_length, size_t index) {
  const size_t before = index * kBitsPerByte;
  if (prefix_length <= before) return 0;
  const size_t covered = std::min<size_t>(prefix_length - before, kBitsPerByte);
  return (kAllOnes << (kBitsPerByte - covered)) & kAllOnes;
}

// `address` without what is behind the prefix.
[[nodiscard]] IpAddress Masked(const IpAddress& address, unsigned prefix_length) {
  IpAddress::V6Bytes bytes = address.bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(bytes[i] & PrefixMask(prefix_length, i));
  }
  if (address.family() == IpFamily::kV6) return IpAddress(bytes);
  IpAddress::V4Bytes v4{};
  std::copy_n(bytes.begin(), v4.size(), v4.begin());
  return IpAddress(v4);
}

// Whole decimal numbers only: no sign, no space, nothing behind.
[[nodiscard]] std::optional<unsigned> ParseNumber(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  if (error != std::errc() || end != text.end()) return std::nullopt;
  return value;
}

}  // namespace

absl::StatusOr<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string terminated(text);
  if (terminated.find('\0') == std::string::npos) {
    V4Bytes v4{};
    if (::inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) return IpAddress(v4);
    V6Bytes v6{};
    if (::inet_pton(AF_INET6, terminated.c_str(), v6.data()) == 1) return IpAddress(v6);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", ToAbsl(text),
                   "\" is neither an IPv4 address (such as 192.0.2.1) nor an IPv6 address (such as "
                   "2001:db8::1)"));
}

std::string IpAddress::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = family_ == IpFamily::kV4 ? AF_INET : AF_INET6;
  // It fails only for other families and for too little room.
  ::inet_ntop(family, bytes_.data(), text.data(), text.size());
  return text.data();
}

absl::StatusOr<IpNetwork> IpNetwork::Create(const IpAddress& base, unsigned prefix_length) {
  if (prefix_length > base.bits()) {
    return absl::InvalidArgumentError(absl::StrCat("the prefix length ", prefix_length, " of ",
                                                   base.ToString(), " is more than ", base.bits()));
  }
  const IpNetwork network(Masked(base, prefix_length), prefix_length);
  if (network.base_ != base) {
    return absl::InvalidArgumentError(
        absl::StrCat(base.ToString(), "/", prefix_length, " has bits set behind its prefix: write ",
                     IpNetwork(base).ToString(), " for the one address, or ", network.ToString(),
                     " for the network"));
  }
  return network;
}

absl::StatusOr<IpNetwork> IpNetwork::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  MAYFLY_ASSIGN_OR_RETURN(const IpAddress base, IpAddress::Parse(text.substr(0, slash)));
  if (slash == std::string_view::npos) return IpNetwork(base);
  const std::optional<unsigned> prefix_length = ParseNumber(text.substr(slash + 1));
  if (!prefix_length) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the prefix length of \"", ToAbsl(text), "\" is not a number of bits, as in 192.0.2.0/24"));
  }
  return Create(base, *prefix_length);
}

bool IpNetwork::Contains(const IpAddress& address) const {
  if (address.family() != family()) return false;
  const size_t whole = prefix_length_ / kBitsPerByte;
  if (std::memcmp(address.bytes().data(), base_.bytes().data(), whole) != 0) return false;
  const unsigned mask = prefix_length_ % kBitsPerByte == 0 ? 0 : PrefixMask(prefix_length_, whole);
  return mask == 0 || (address.bytes()[whole] & mask) == base_.bytes()[whole];
}

std::string IpNetwork::ToString() const {
  return absl::StrCat(base_.ToString(), "/", prefix_length_);
}

}  // namespace mayfly::virtio
