#include "jailer/cgroup/cpu_list.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::jailer {
namespace {

// The most that any kernel for x86-64 is built for (CONFIG_NR_CPUS).
constexpr size_t kMostCpus = 8192;

[[nodiscard]] std::optional<size_t> ParseCpu(std::string_view text) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number >= kMostCpus) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

absl::StatusOr<CpuList> CpuList::Parse(std::string_view text) {
  CpuList list;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const std::string_view range = text.substr(begin, comma - begin);
    begin = comma + 1;
    const size_t dash = std::min(range.find('-'), range.size());
    const auto first = ParseCpu(range.substr(0, dash));
    const auto last = dash == range.size() ? first : ParseCpu(range.substr(dash + 1));
    if (!first || !last || *first > *last) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", ToAbsl(text), "\" is no list of CPUs, as in 0-3 or 0,2,4-7"));
    }
    if (list.has_.size() <= *last) list.has_.resize(*last + 1);
    for (size_t cpu = *first; cpu <= *last; ++cpu) list.has_[cpu] = true;
  }
  return list;
}

std::string CpuList::Text() const {
  std::string text;
  for (size_t cpu = 0; cpu < has_.size(); ++cpu) {
    if (!has_[cpu]) continue;
    const size_t first = cpu;
    while (cpu + 1 < has_.size() && has_[cpu + 1]) ++cpu;
    absl::StrAppend(&text, text.empty() ? "" : ",", first);
    if (cpu != first) absl::StrAppend(&text, "-", cpu);
  }
  return text;
}

bool CpuList::IsWithin(const CpuList& other) const {
  for (size_t cpu = 0; cpu < has_.size(); ++cpu) {
    if (has_[cpu] && (cpu >= other.has_.size() || !other.has_[cpu])) return false;
  }
  return true;
}

}  // namespace mayfly::jailer
