#include "virtio/net/mac_address.h"

#include <charconv>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

constexpr char kSeparator = ':';
constexpr size_t kDigits = 2;            // a byte's
constexpr size_t kStride = kDigits + 1;  // with its separator
constexpr size_t kTextSize = MacAddress::kSize * kStride - 1;
constexpr int kHexadecimal = 16;

}  // namespace

absl::StatusOr<MacAddress> MacAddress::Parse(std::string_view text) {
  const auto wrong = [text] {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", ToAbsl(text),
        "\" is not a MAC address: it takes six pairs of hexadecimal digits with colons "
        "between them, such as 02:00:00:00:00:01"));
  };
  if (text.size() != kTextSize) return wrong();
  MacAddress address;
  for (size_t i = 0; i < kSize; ++i) {
    const std::string_view digits = text.substr(i * kStride, kDigits);
    const auto [end, error] =
        std::from_chars(digits.begin(), digits.end(), address.bytes[i], kHexadecimal);
    if (error != std::errc() || end != digits.end()) return wrong();
    if (i + 1 < kSize && text[i * kStride + kDigits] != kSeparator) return wrong();
  }
  return address;
}

std::string MacAddress::ToString() const {
  std::string text;
  for (const uint8_t byte : bytes) {
    if (!text.empty()) text += kSeparator;
    absl::StrAppend(&text, absl::Hex(byte, absl::kZeroPad2));
  }
  return text;
}

}  // namespace mayfly::virtio
