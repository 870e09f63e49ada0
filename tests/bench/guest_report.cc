#include "tests/bench/guest_report.h"

#include <charconv>
#include <sstream>
#include <system_error>

namespace mayfly::bench {

std::optional<GuestReport> GuestReport::Parse(std::string_view line) {
  std::istringstream words{std::string(line)};
  GuestReport report;
  std::string word;
  if (!(words >> word) || word != "result" || !(words >> report.name)) return std::nullopt;
  while (words >> word) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) return std::nullopt;
    uint64_t value = 0;
    const char* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data() + equals + 1, end, value);
    if (error != std::errc() || stop != end) return std::nullopt;
    report.values[word.substr(0, equals)] = value;
  }
  return report;
}

double GuestReport::At(std::string_view key) const {
  const auto found = values.find(key);
  return found == values.end() ? 0 : static_cast<double>(found->second);
}

}  // namespace mayfly::bench
