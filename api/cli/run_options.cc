#include "api/cli/run_options.h"

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/cli/init_word.h"
#include "api/cli/option_words.h"
#include "api/cli/table/commands.h"
#include "api/cli/table/option_reader.h"
#include "api/cli/units.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

// Console on the serial port; a reboot or panic ends the VM (reboot=k: through the keyboard
// controller, which is there; panic=-1: at once); and a quiet kernel starts faster, since every
// character on the serial line is an exit.
constexpr std::string_view kDefaultCommandLine = "console=ttyS0 reboot=k panic=-1 quiet";
// What Linux hands on to init untouched.
constexpr std::string_view kInitArguments = " -- ";

// What the API's field can say. What this host can run is for the VMM to judge.
constexpr uint64_t kMostCpus = std::numeric_limits<uint16_t>::max();

[[nodiscard]] absl::Status ParseBoot(std::string_view text, vmm::BootProtocol& protocol) {
  constexpr std::array<std::pair<std::string_view, vmm::BootProtocol>, 3> kNames = {
      {{"auto", vmm::BootProtocol::kAuto},
       {"pvh", vmm::BootProtocol::kPvh},
       {"linux64", vmm::BootProtocol::kLinux64}}};
  for (const auto& [name, value] : kNames) {
    if (name != text) continue;
    protocol = value;
    return absl::OkStatus();
  }
  return BadOption("--boot", absl::StrCat("\"", ToAbsl(text), "\" is none of auto, pvh, linux64"));
}

[[nodiscard]] absl::Status NotEmpty(std::string_view option, std::string_view value) {
  if (!value.empty()) return absl::OkStatus();
  return BadOption(option, "the file's name is empty");
}

// One option into `options`. `value` is nullptr where none was given.
[[nodiscard]] absl::Status Apply(RunOption which, const char* value, RunOptions& options) {
  switch (which) {
    case RunOption::kBoot:
      return ParseBoot(value, options.boot_protocol);
    case RunOption::kCgroupParent:
      options.cgroup_parent = value;
      if (!options.cgroup_parent.empty()) return absl::OkStatus();
      return BadOption("--cgroup-parent", "give a cgroup, from the top, such as /fleet");
    case RunOption::kCmdline:
      options.command_line = value;
      return absl::OkStatus();
    case RunOption::kCpus: {
      const auto cpus = ParseNumber(value, 1, kMostCpus);
      if (!cpus.ok()) return Annotate(cpus.status(), "--cpus");
      options.cpus = static_cast<unsigned>(*cpus);
      return absl::OkStatus();
    }
    case RunOption::kDetach:
      options.needs_host = true;
      options.detach = true;
      return absl::OkStatus();
    case RunOption::kDisk: {
      auto disk = ParseDiskOption(value);
      if (!disk.ok()) return disk.status();
      options.disks.push_back(*std::move(disk));
      return absl::OkStatus();
    }
    case RunOption::kFile:
      return absl::OkStatus();  // comes before all others
    case RunOption::kOnHost:
      options.host = value;
      return absl::OkStatus();
    case RunOption::kLabel: {
      options.needs_host = true;
      MAYFLY_ASSIGN_OR_RETURN(LabelOption label, ParseLabelOption(value));
      std::erase_if(options.labels, [&](const LabelOption& old) { return old.name == label.name; });
      options.labels.push_back(std::move(label));
      return absl::OkStatus();
    }
    case RunOption::kName:
      options.needs_host = true;
      options.name = value;
      if (!options.name.empty()) return absl::OkStatus();
      return BadOption("--name", "it is empty");
    case RunOption::kInitrd:
      options.initrd = value;
      return NotEmpty("--initrd", value);
    case RunOption::kKernel:
      options.kernel = value;
      return NotEmpty("--kernel", value);
    case RunOption::kLimit:
      return ParseLimitOption(value, options.limit);
    case RunOption::kMemory:
      return ParseMemoryOption(value, options.memory);
    case RunOption::kNet: {
      auto net = ParseNetOption(value);
      if (!net.ok()) return net.status();
      options.nets.push_back(*std::move(net));
      return absl::OkStatus();
    }
    case RunOption::kFormat:
      return ParseFormat(value, options.output);
    case RunOption::kTimeline:
      options.timeline = value == nullptr ? TimelineReport::kTable : TimelineReport::kDrawing;
      options.timeline_path = value == nullptr ? "" : value;
      return value == nullptr ? absl::OkStatus() : NotEmpty("--timeline", value);
    case RunOption::kTimeout: {
      const auto duration = ParseDuration(value);
      if (!duration.ok()) return Annotate(duration.status(), "--timeout");
      if (*duration == Nanoseconds::zero())
        return BadOption("--timeout", "it must be longer than nothing");
      options.timeout = *duration;
      return absl::OkStatus();
    }
  }
  return absl::InternalError("an option without a meaning");
}

// Reads all options; the words behind them stay with the reader. What a specification says comes
// first, wherever it is named.
[[nodiscard]] absl::Status ReadOptions(OptionReader& reader, const SpecReader& read_spec,
                                       RunOptions& options) {
  std::vector<GivenOption> all;
  const char* spec = nullptr;
  while (true) {
    MAYFLY_ASSIGN_OR_RETURN(const std::optional<GivenOption> given, reader.Next());
    if (!given) break;
    if (given->id == kHelpOption) {
      options.help = true;
      return absl::OkStatus();
    }
    if (given->id == static_cast<int>(RunOption::kFile)) {
      if (spec != nullptr) return BadOption("--file", "give one specification only");
      spec = given->value;
    }
    all.push_back(*given);
  }
  if (spec != nullptr) MAYFLY_RETURN_IF_ERROR(read_spec(spec, options));
  for (const GivenOption& given : all) {
    MAYFLY_RETURN_IF_ERROR(Apply(static_cast<RunOption>(given.id), given.value, options));
  }
  if (reader.separated() || reader.rest().empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", reader.rest().front(), "\" is no option; words for the guest's init go behind \"--\""));
}

}  // namespace

absl::StatusOr<RunOptions> ParseRunOptions(std::span<char* const> arguments,
                                           const SpecReader& read_spec) {
  OptionReader reader(kRunCommand, arguments);
  RunOptions options;
  options.command_line = kDefaultCommandLine;
  MAYFLY_RETURN_IF_ERROR(ReadOptions(reader, read_spec, options));
  if (options.help) return options;
  if (options.kernel.empty()) {
    return absl::InvalidArgumentError(
        "a kernel is needed: give one with --kernel FILE, or a specification with -f FILE");
  }
  if (options.detach && options.timeline != TimelineReport::kNone) {
    return BadOption("--timeline", "a VM that is left alone has none yet; leave --detach away");
  }
  if (options.output != Format::kText && !options.detach) {
    return BadOption("--output",
                     "standard output is the guest's console; leave it away, or give --detach");
  }
  std::string_view separator = kInitArguments;
  for (const char* const word : reader.rest()) {
    absl::StrAppend(&options.command_line, ToAbsl(separator), QuoteInitWord(word));
    separator = " ";
  }
  return options;
}

}  // namespace mayfly::cli
