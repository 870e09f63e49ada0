#include "api/cli/run_options.h"

#include <getopt.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/cli/init_word.h"
#include "api/cli/option_words.h"
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

enum class Option : int {
  kBoot = 256,  // beyond any short option
  kCgroupParent,
  kCmdline,
  kCpus,
  kDisk,
  kHelp,
  kInitrd,
  kKernel,
  kLimit,
  kMemory,
  kNet,
  kTimeline,
  kTimeout,
};

constexpr option Long(const char* name, int argument, Option value) {
  return {name, argument, nullptr, static_cast<int>(value)};
}

constexpr std::array kOptions = {
    Long("boot", required_argument, Option::kBoot),
    Long("cgroup-parent", required_argument, Option::kCgroupParent),
    Long("cmdline", required_argument, Option::kCmdline),
    Long("cpus", required_argument, Option::kCpus),
    Long("disk", required_argument, Option::kDisk),
    Long("help", no_argument, Option::kHelp),
    Long("initrd", required_argument, Option::kInitrd),
    Long("kernel", required_argument, Option::kKernel),
    Long("limit", required_argument, Option::kLimit),
    Long("memory", required_argument, Option::kMemory),
    Long("net", required_argument, Option::kNet),
    Long("timeline", optional_argument, Option::kTimeline),
    Long("timeout", required_argument, Option::kTimeout),
    option{},
};
// '+': stop at the first word that is no option. ':': tell a missing value from an unknown option.
constexpr char kShortOptions[] = "+:h";

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
[[nodiscard]] absl::Status Apply(Option which, const char* value, RunOptions& options) {
  switch (which) {
    case Option::kBoot:
      return ParseBoot(value, options.boot_protocol);
    case Option::kCgroupParent:
      options.cgroup_parent = value;
      if (!options.cgroup_parent.empty()) return absl::OkStatus();
      return BadOption("--cgroup-parent", "give a cgroup, from the top, such as /fleet");
    case Option::kCmdline:
      options.command_line = value;
      return absl::OkStatus();
    case Option::kCpus: {
      const auto cpus = ParseNumber(value, 1, kMostCpus);
      if (!cpus.ok()) return Annotate(cpus.status(), "--cpus");
      options.cpus = static_cast<unsigned>(*cpus);
      return absl::OkStatus();
    }
    case Option::kDisk: {
      auto disk = ParseDiskOption(value);
      if (!disk.ok()) return disk.status();
      options.disks.push_back(*std::move(disk));
      return absl::OkStatus();
    }
    case Option::kHelp:
      options.help = true;
      return absl::OkStatus();
    case Option::kInitrd:
      options.initrd = value;
      return NotEmpty("--initrd", value);
    case Option::kKernel:
      options.kernel = value;
      return NotEmpty("--kernel", value);
    case Option::kLimit:
      return ParseLimitOption(value, options.limit);
    case Option::kMemory: {
      MAYFLY_ASSIGN_OR_RETURN(options.memory, ParseMemoryOption(value));
      return absl::OkStatus();
    }
    case Option::kNet: {
      auto net = ParseNetOption(value);
      if (!net.ok()) return net.status();
      options.nets.push_back(*std::move(net));
      return absl::OkStatus();
    }
    case Option::kTimeline:
      options.timeline = value == nullptr ? TimelineReport::kTable : TimelineReport::kDrawing;
      options.timeline_path = value == nullptr ? "" : value;
      return value == nullptr ? absl::OkStatus() : NotEmpty("--timeline", value);
    case Option::kTimeout: {
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

[[nodiscard]] absl::Status Unknown(std::string_view word) {
  return absl::InvalidArgumentError(
      absl::StrCat("option \"", ToAbsl(word), "\" is unknown, ambiguous or takes no value"));
}

// Reads all options; answers where the words behind them begin.
[[nodiscard]] absl::StatusOr<int> ParseOptions(std::vector<char*>& words, RunOptions& options) {
  optind = 0;  // begin anew (getopt(3), glibc)
  opterr = 0;  // the messages are ours
  const int count = static_cast<int>(words.size()) - 1;
  while (true) {
    const int before = optind == 0 ? 1 : optind;
    const int found = ::getopt_long(count, words.data(), kShortOptions, kOptions.data(), nullptr);
    if (found == -1) {
      const bool separated = optind == before + 1;  // it consumed a "--"
      if (!separated && optind < count) {
        return absl::InvalidArgumentError(
            absl::StrCat("\"", words[static_cast<size_t>(optind)],
                         "\" is no option; words for the guest's init go behind \"--\""));
      }
      return optind;
    }
    const std::string_view word = words[static_cast<size_t>(before)];
    if (found == '?') return Unknown(word);
    if (found == ':') return BadOption(word, "a value is missing");
    const Option which = found == 'h' ? Option::kHelp : static_cast<Option>(found);
    MAYFLY_RETURN_IF_ERROR(Apply(which, optarg, options));
  }
}

}  // namespace

absl::StatusOr<RunOptions> ParseRunOptions(std::span<char* const> arguments) {
  // getopt wants a program's name first, and the null pointer that ends an argv.
  char program[] = "run";
  std::vector<char*> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  words.push_back(nullptr);

  RunOptions options;
  options.command_line = kDefaultCommandLine;
  MAYFLY_ASSIGN_OR_RETURN(const int rest, ParseOptions(words, options));
  if (options.help) return options;
  if (options.kernel.empty()) {
    return absl::InvalidArgumentError("a kernel is needed: give one with --kernel FILE");
  }
  std::string_view separator = kInitArguments;
  for (size_t index = static_cast<size_t>(rest); index + 1 < words.size(); ++index) {
    absl::StrAppend(&options.command_line, ToAbsl(separator), QuoteInitWord(words[index]));
    separator = " ";
  }
  return options;
}

}  // namespace mayfly::cli
