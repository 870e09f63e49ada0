#include "api/cli/disk_option.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/cli/option_words.h"
#include "api/cli/units.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr std::string_view kOption = "--disk";

constexpr std::array<std::string_view, 3> kFlags = {"ro", "rw", "direct"};
constexpr std::array<std::string_view, 6> kKeys = {"engine", "overlay", "cap",
                                                   "iops",   "bps",     "serial"};

template <size_t N>
[[nodiscard]] bool IsOneOf(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

[[nodiscard]] bool IsKnown(const OptionWord& word) {
  return IsOneOf(word.key, kKeys) || (IsOneOf(word.key, kFlags) && !word.value);
}

// What is hardly the end of a file's name, but an option that there is not.
[[nodiscard]] bool LooksLikeAnOption(const OptionWord& word) {
  return word.value && !word.key.empty() &&
         std::all_of(word.key.begin(), word.key.end(),
                     [](char letter) { return (letter >= 'a' && letter <= 'z') || letter == '-'; });
}

[[nodiscard]] absl::Status ApplyEngine(std::string_view value, DiskOption& disk) {
  if (value == "auto") {
    disk.engine = vmm::DiskEngine::kAuto;
  } else if (value == "sync") {
    disk.engine = vmm::DiskEngine::kSync;
  } else if (value == "uring") {
    disk.engine = vmm::DiskEngine::kUring;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", ToAbsl(value), "\" is none of auto, sync, uring"));
  }
  return absl::OkStatus();
}

[[nodiscard]] absl::Status ApplyOverlay(std::string_view value, DiskOption& disk) {
  OverlayOption& overlay = disk.overlay ? *disk.overlay : disk.overlay.emplace();
  if (value.empty()) {
    return absl::InvalidArgumentError("give a file's name, or \"memory\"");
  }
  if (value == "memory") {
    overlay.path.reset();
  } else {
    overlay.path = value;
  }
  return absl::OkStatus();
}

[[nodiscard]] absl::Status ApplySerial(std::string_view value, DiskOption& disk) {
  if (value.empty() || value.size() > vmm::kMaxDiskSerial) {
    return absl::InvalidArgumentError(absl::StrCat("\"", ToAbsl(value), "\" has ", value.size(),
                                                   " bytes; give 1 to ", vmm::kMaxDiskSerial));
  }
  disk.serial = value;
  return absl::OkStatus();
}

void ApplyFlag(std::string_view flag, DiskOption& disk) {
  if (flag == "ro") disk.access = vmm::DiskAccess::kReadOnly;
  if (flag == "rw") disk.access = vmm::DiskAccess::kReadWrite;
  if (flag == "direct") disk.caching = vmm::DiskCaching::kDirect;
}

[[nodiscard]] absl::Status ApplyKey(std::string_view key, std::string_view value,
                                    std::optional<uint64_t>& cap, DiskOption& disk) {
  if (key == "engine") return ApplyEngine(value, disk);
  if (key == "overlay") return ApplyOverlay(value, disk);
  if (key == "serial") return ApplySerial(value, disk);
  if (key == "cap") {
    MAYFLY_ASSIGN_OR_RETURN(cap, ParseSize(value));
  } else if (key == "iops") {
    MAYFLY_ASSIGN_OR_RETURN(disk.limits.operations, ParseRate(value, RateUnit::kOperations));
  } else {
    MAYFLY_ASSIGN_OR_RETURN(disk.limits.bytes, ParseRate(value, RateUnit::kBytes));
  }
  return absl::OkStatus();
}

[[nodiscard]] absl::Status Apply(const OptionWord& word, std::optional<uint64_t>& cap,
                                 DiskOption& disk) {
  if (IsOneOf(word.key, kFlags)) {
    ApplyFlag(word.key, disk);
    return absl::OkStatus();
  }
  const absl::Status status = word.value ? ApplyKey(word.key, *word.value, cap, disk)
                                         : absl::InvalidArgumentError("a value is missing");
  return Annotate(status, absl::StrCat(ToAbsl(kOption), ": ", ToAbsl(word.key)));
}

// What no word says by itself.
[[nodiscard]] absl::Status Complete(std::optional<uint64_t> cap, DiskOption& disk) {
  if (cap && !disk.overlay) return BadOption(kOption, "cap: only an overlay has one");
  if (!disk.overlay) return absl::OkStatus();
  if (disk.access == vmm::DiskAccess::kReadOnly) {
    return BadOption(kOption,
                     "ro: an overlay is there to be written to, and the file below it is only read "
                     "anyway; leave one of the two away");
  }
  if (cap && *cap == 0) return BadOption(kOption, "cap: 0 would leave no room for any write");
  disk.overlay->cap_bytes = cap.value_or(0);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DiskOption> ParseDiskOption(std::string_view text) {
  const std::vector<std::string_view> words = SplitWords(text);
  size_t first = words.size();  // of those that are options
  while (first > 0 && IsKnown(SplitWord(words[first - 1]))) --first;
  const char* const path_end =
      first == 0 ? text.data() : words[first - 1].data() + words[first - 1].size();
  const std::string_view path(text.data(), static_cast<size_t>(path_end - text.data()));
  if (path.empty()) {
    return BadOption(kOption, "a file is needed, as in --disk root.img or --disk root.img,ro");
  }
  if (first > 1 && LooksLikeAnOption(SplitWord(words[first - 1]))) {
    return BadOption(kOption, absl::StrCat("\"", ToAbsl(SplitWord(words[first - 1]).key),
                                           "\" is none of its options, which are ro, rw, direct, "
                                           "engine, overlay, cap, iops, bps and serial"));
  }
  DiskOption disk;
  disk.path = path;
  std::optional<uint64_t> cap;
  for (size_t i = first; i < words.size(); ++i) {
    MAYFLY_RETURN_IF_ERROR(Apply(SplitWord(words[i]), cap, disk));
  }
  MAYFLY_RETURN_IF_ERROR(Complete(cap, disk));
  return disk;
}

}  // namespace mayfly::cli
