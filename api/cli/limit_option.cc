#include "api/cli/limit_option.h"

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "api/cli/option_words.h"
#include "api/cli/units.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr std::string_view kOption = "--limit";
constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

[[nodiscard]] absl::Status ParseCpus(std::string_view value, jailer::CgroupLimits& limits) {
  double cpus = 0;
  const char* const end = value.data() + value.size();
  const auto [rest, error] = std::from_chars(value.data(), end, cpus, std::chars_format::fixed);
  if (error != std::errc() || rest != end) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", ToAbsl(value), "\" is no number of CPUs, such as 0.5 or 2"));
  }
  limits.cpus = cpus;
  return absl::OkStatus();
}

// A list has commas, too: it is given in parts.
[[nodiscard]] absl::Status AddCpuset(std::string_view value, LimitOption& option) {
  std::optional<jailer::CpuList>& cpuset = option.limits.cpuset;
  const std::string text = cpuset && option.adds_cpus
                               ? absl::StrCat(cpuset->Text(), ",", ToAbsl(value))
                               : std::string(value);
  MAYFLY_ASSIGN_OR_RETURN(cpuset, jailer::CpuList::Parse(text));
  option.adds_cpus = true;
  return absl::OkStatus();
}

[[nodiscard]] absl::Status AddDisk(std::string_view path, LimitOption& option) {
  if (path.empty()) return absl::InvalidArgumentError("give a disk, as in io=/dev/sda,rbps=10M");
  option.disks.push_back({.path = std::string(path), .limit = {}});
  return absl::OkStatus();
}

// The rate of the last disk that `key` names; none where it names none.
[[nodiscard]] std::optional<uint64_t>* RateOf(std::string_view key, jailer::IoLimit& limit) {
  if (key == "rbps") return &limit.read_bytes;
  if (key == "wbps") return &limit.write_bytes;
  if (key == "riops") return &limit.read_operations;
  if (key == "wiops") return &limit.write_operations;
  return nullptr;
}

[[nodiscard]] absl::Status ApplyRate(std::string_view key, std::string_view value,
                                     LimitOption& option) {
  jailer::IoLimit nowhere;
  std::optional<uint64_t>* const rate =
      RateOf(key, option.disks.empty() ? nowhere : option.disks.back().limit);
  if (rate == nullptr) {
    return absl::InvalidArgumentError(
        "it is none of cpu, weight, cpuset, memory, pids, io, rbps, wbps, riops, wiops");
  }
  if (option.disks.empty()) {
    return absl::InvalidArgumentError("it is of a disk: give io=DISK before it");
  }
  if (key.ends_with("bps")) {
    MAYFLY_ASSIGN_OR_RETURN(*rate, ParseSize(value));
  } else {
    MAYFLY_ASSIGN_OR_RETURN(*rate, ParseNumber(value, 1, kMost));
  }
  return absl::OkStatus();
}

[[nodiscard]] absl::Status Apply(std::string_view key, std::string_view value,
                                 LimitOption& option) {
  jailer::CgroupLimits& limits = option.limits;
  if (key == "cpu") return ParseCpus(value, limits);
  if (key == "cpuset") return AddCpuset(value, option);
  if (key == "io") return AddDisk(value, option);
  if (key == "weight") {
    MAYFLY_ASSIGN_OR_RETURN(limits.cpu_weight, ParseNumber(value, 1, kMost));
  } else if (key == "memory") {
    MAYFLY_ASSIGN_OR_RETURN(limits.memory, ParseSize(value));
  } else if (key == "pids") {
    MAYFLY_ASSIGN_OR_RETURN(limits.pids, ParseNumber(value, 1, kMost));
  } else {
    return ApplyRate(key, value, option);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseLimitOption(std::string_view text, LimitOption& option) {
  for (const std::string_view text_of_word : SplitWords(text)) {
    const OptionWord word = SplitWord(text_of_word);
    if (!word.value) {
      return BadOption(
          kOption, absl::StrCat("\"", ToAbsl(text_of_word), "\" has no value, as memory=256M has"));
    }
    const absl::Status status = Apply(word.key, *word.value, option);
    if (!status.ok()) {
      return Annotate(status, absl::StrCat(ToAbsl(kOption), ": ", ToAbsl(word.key)));
    }
  }
  return Annotate(option.limits.Check(), kOption);
}

}  // namespace mayfly::cli
