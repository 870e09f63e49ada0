#include "api/cli/spec/json_escapes.h"

#include <charconv>
#include <cstdint>
#include <optional>

namespace mayfly::cli {
namespace {

constexpr std::string_view kMark = "\\u";
constexpr size_t kDigits = 4;
constexpr size_t kEscapeBytes = kMark.size() + kDigits;
constexpr uint32_t kFirstHigh = 0xd800;  // of UTF-16's pairs
constexpr uint32_t kFirstLow = 0xdc00;
constexpr uint32_t kBehindLow = 0xe000;
constexpr uint32_t kFirstOfPairs = 0x10000;
constexpr uint32_t kUnknown = 0xfffd;

[[nodiscard]] bool IsHigh(uint32_t unit) { return unit >= kFirstHigh && unit < kFirstLow; }
[[nodiscard]] bool IsLow(uint32_t unit) { return unit >= kFirstLow && unit < kBehindLow; }

// The number that `json` begins with an escape of.
[[nodiscard]] std::optional<uint32_t> UnitAt(std::string_view json) {
  if (!json.starts_with(kMark) || json.size() < kEscapeBytes) return std::nullopt;
  uint32_t unit = 0;
  const char* const end = json.data() + kEscapeBytes;
  const auto [rest, error] = std::from_chars(json.data() + kMark.size(), end, unit, 16);
  if (error != std::errc() || rest != end) return std::nullopt;
  return unit;
}

// RFC 3629, 3.
void AppendUtf8(uint32_t character, std::string& text) {
  const auto append = [&](uint32_t byte) { text += static_cast<char>(byte); };
  const auto append_rest = [&](unsigned shift) { append(0x80 | ((character >> shift) & 0x3f)); };
  if (character < 0x80) return append(character);
  if (character < 0x800) {
    append(0xc0 | (character >> 6));
    return append_rest(0);
  }
  if (character < kFirstOfPairs) {
    append(0xe0 | (character >> 12));
  } else {
    append(0xf0 | (character >> 18));
    append_rest(12);
  }
  append_rest(6);
  append_rest(0);
}

void Append(uint32_t character, std::string& json) {
  if (character == '"' || character == '\\') json += '\\';
  AppendUtf8(character, json);
}

}  // namespace

std::string ReplaceEscapes(std::string_view json) {
  std::string replaced;
  replaced.reserve(json.size());
  while (!json.empty()) {
    const std::optional<uint32_t> unit = UnitAt(json);
    if (!unit) {
      // A backslash takes along what it stands before, be it another one.
      const size_t size = json.front() == '\\' && json.size() > 1 ? 2 : 1;
      replaced += json.substr(0, size);
      json.remove_prefix(size);
      continue;
    }
    json.remove_prefix(kEscapeBytes);
    if (IsLow(*unit)) {
      Append(kUnknown, replaced);
    } else if (!IsHigh(*unit)) {
      Append(*unit, replaced);
    } else if (const auto low = UnitAt(json); low && IsLow(*low)) {
      json.remove_prefix(kEscapeBytes);
      Append(kFirstOfPairs + ((*unit - kFirstHigh) << 10) + (*low - kFirstLow), replaced);
    } else {
      Append(kUnknown, replaced);
    }
  }
  return replaced;
}

}  // namespace mayfly::cli
