#include "api/cli/units.h"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/checked.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

struct Unit {
  std::string_view name;  // in lower case
  uint64_t value;
};

constexpr uint64_t kKibi = uint64_t{1} << 10;
constexpr uint64_t kMebi = uint64_t{1} << 20;
constexpr uint64_t kGibi = uint64_t{1} << 30;
constexpr uint64_t kTebi = uint64_t{1} << 40;

constexpr std::array kSizeUnits = {
    Unit{"", 1},        Unit{"b", 1},       Unit{"k", kKibi},   Unit{"kb", kKibi},
    Unit{"kib", kKibi}, Unit{"m", kMebi},   Unit{"mb", kMebi},  Unit{"mib", kMebi},
    Unit{"g", kGibi},   Unit{"gb", kGibi},  Unit{"gib", kGibi}, Unit{"t", kTebi},
    Unit{"tb", kTebi},  Unit{"tib", kTebi},
};

constexpr uint64_t kMicrosecond = 1000;
constexpr uint64_t kMillisecond = 1000 * kMicrosecond;
constexpr uint64_t kSecond = 1000 * kMillisecond;

constexpr std::array kTimeUnits = {
    Unit{"", kSecond},         Unit{"ns", 1},      Unit{"us", kMicrosecond},
    Unit{"ms", kMillisecond},  Unit{"s", kSecond}, Unit{"m", 60 * kSecond},
    Unit{"h", 3600 * kSecond},
};

template <size_t N>
[[nodiscard]] std::optional<uint64_t> UnitValue(const std::array<Unit, N>& units,
                                                std::string_view name) {
  std::string lower(name);
  for (char& letter : lower) {
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  for (const Unit& unit : units) {
    if (unit.name == lower) return unit.value;
  }
  return std::nullopt;
}

// A decimal number, and what follows it.
struct Quantity {
  double number;
  std::optional<uint64_t> whole;  // the same where it has no fraction: exactly
  std::string_view unit;
};

[[nodiscard]] std::optional<Quantity> Split(std::string_view text) {
  // Not every std::from_chars stops at what is a number for people: no signs, "inf", or "0x".
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) == 0) {
    return std::nullopt;
  }
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  Quantity quantity{number, std::nullopt, {rest, static_cast<size_t>(end - rest)}};
  uint64_t whole = 0;
  const auto [rest_of_whole, whole_error] = std::from_chars(text.data(), end, whole);
  if (whole_error == std::errc() && rest_of_whole == rest) quantity.whole = whole;
  return quantity;
}

// The product as a whole number; nothing where it is too large for one.
[[nodiscard]] std::optional<uint64_t> Scale(const Quantity& quantity, uint64_t unit,
                                            uint64_t limit) {
  if (quantity.whole) {
    const std::optional<uint64_t> product = CheckedMul(*quantity.whole, unit);
    return product && *product < limit ? product : std::nullopt;
  }
  const double product = std::round(quantity.number * static_cast<double>(unit));
  if (!(product < static_cast<double>(limit))) return std::nullopt;
  return static_cast<uint64_t>(product);
}

}  // namespace

absl::StatusOr<uint64_t> ParseSize(std::string_view text) {
  const std::optional<Quantity> quantity = Split(text);
  const auto unit = quantity ? UnitValue(kSizeUnits, quantity->unit) : std::nullopt;
  if (!unit) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", ToAbsl(text), "\" is not a size; write it like 64M, 1G or 512MiB"));
  }
  const auto bytes = Scale(*quantity, *unit, std::numeric_limits<uint64_t>::max());
  if (!bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", ToAbsl(text), "\" is more than any host has"));
  }
  return *bytes;
}

absl::StatusOr<Nanoseconds> ParseDuration(std::string_view text) {
  const std::optional<Quantity> quantity = Split(text);
  const auto unit = quantity ? UnitValue(kTimeUnits, quantity->unit) : std::nullopt;
  if (!unit) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", ToAbsl(text), "\" is not a duration; write it like 500ms, 10s or 2m"));
  }
  const auto nanoseconds =
      Scale(*quantity, *unit, static_cast<uint64_t>(Nanoseconds::max().count()));
  if (!nanoseconds) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", ToAbsl(text), "\" is more than 292 years"));
  }
  return Nanoseconds(static_cast<Nanoseconds::rep>(*nanoseconds));
}

std::string FormatSize(uint64_t bytes) {
  constexpr std::array kUnits = {Unit{"TiB", kTebi}, Unit{"GiB", kGibi}, Unit{"MiB", kMebi},
                                 Unit{"KiB", kKibi}};
  for (const Unit& unit : kUnits) {
    if (bytes < unit.value) continue;
    return absl::StrFormat("%.4g %s", static_cast<double>(bytes) / static_cast<double>(unit.value),
                           ToAbsl(unit.name));
  }
  return absl::StrCat(bytes, " bytes");
}

}  // namespace mayfly::cli
