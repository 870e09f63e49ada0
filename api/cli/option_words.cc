#include "api/cli/option_words.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "absl/strings/str_cat.h"
#include "api/cli/units.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr char kBetweenWords = ',';
constexpr char kBeforeValue = '=';
constexpr char kBeforeBurst = ':';

[[nodiscard]] absl::StatusOr<uint64_t> ParseAmount(std::string_view text, RateUnit unit) {
  absl::StatusOr<uint64_t> amount =
      unit == RateUnit::kBytes ? ParseSize(text)
                               : ParseNumber(text, 1, std::numeric_limits<uint64_t>::max());
  if (amount.ok() && *amount == 0) {
    return absl::InvalidArgumentError("0 would let nothing pass; leave it away for no limit");
  }
  return amount;
}

}  // namespace

std::vector<std::string_view> SplitWords(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t end = text.find(kBetweenWords);
    words.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return words;
    text.remove_prefix(end + 1);
  }
}

OptionWord SplitWord(std::string_view word) {
  const size_t end = word.find(kBeforeValue);
  if (end == std::string_view::npos) return {.key = word, .value = std::nullopt};
  return {.key = word.substr(0, end), .value = word.substr(end + 1)};
}

absl::Status BadOption(std::string_view option, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(ToAbsl(option), ": ", ToAbsl(what)));
}

absl::StatusOr<uint64_t> ParseNumber(std::string_view text, uint64_t least, uint64_t most) {
  const char* const end = text.data() + text.size();
  uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && rest == end && value >= least && value <= most) return value;
  const std::string range = most == std::numeric_limits<uint64_t>::max()
                                ? absl::StrCat("give ", least, " or more")
                                : absl::StrCat("give one from ", least, " to ", most);
  return absl::InvalidArgumentError(
      absl::StrCat("\"", ToAbsl(text), "\" is not such a number; ", range));
}

absl::StatusOr<virtio::RateLimit> ParseRate(std::string_view text, RateUnit unit) {
  const size_t end = std::min(text.find(kBeforeBurst), text.size());
  virtio::RateLimit limit;
  MAYFLY_ASSIGN_OR_RETURN(limit.per_second, ParseAmount(text.substr(0, end), unit));
  if (end == text.size()) return limit;
  MAYFLY_ASSIGN_OR_RETURN(limit.burst, ParseAmount(text.substr(end + 1), unit));
  return limit;
}

}  // namespace mayfly::cli
