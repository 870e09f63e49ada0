// mayfly: the command.

#include <capnp/message.h>
#include <kj/exception.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "api/cli/console_command.h"
#include "api/cli/disk_command.h"
#include "api/cli/doctor.h"
#include "api/cli/exit_code.h"
#include "api/cli/host/commands.h"
#include "api/cli/host/host_choice.h"
#include "api/cli/output/format.h"
#include "api/cli/output/json.h"
#include "api/cli/output/reports.capnp.h"
#include "api/cli/run_command.h"
#include "api/cli/say.h"
#include "api/cli/shell_commands.h"
#include "api/cli/table/command_line.h"
#include "api/cli/table/commands.h"
#include "api/cli/table/help_text.h"
#include "api/cli/table/option_reader.h"
#include "api/version.h"
#include "base/standard_fds.h"
#include "base/status.h"
#include "base/timeline.h"

namespace mayfly::cli {
namespace {

[[nodiscard]] int PrintVersion() {
  return Print(absl::StrCat("mayfly ", ToAbsl(api::kVersion), "\n"));
}

[[nodiscard]] int VersionCommand(std::span<char* const> arguments) {
  CommandLine line(kVersionCommand, "version", arguments);
  Format format = Format::kText;
  if (const auto code = ReadFormat(line, format)) return *code;
  if (format == Format::kText) return PrintVersion();
  capnp::MallocMessageBuilder message;
  auto version = message.initRoot<report::Version>();
  version.setVersion(api::kVersion.data());
  version.setDate(api::kVersionDate.data());
  return Print(ToJson(version.asReader()));
}

[[nodiscard]] int Usage(absl::string_view what) {
  Complain(absl::StrCat(what, "; see mayfly --help"));
  return static_cast<int>(ExitCode::kUsage);
}

// Those in front of the command; answers the exit code where nothing is left to do.
[[nodiscard]] std::optional<int> ReadOptions(OptionReader& reader) {
  while (true) {
    const absl::StatusOr<std::optional<GivenOption>> given = reader.Next();
    if (!given.ok()) return Usage(given.status().message());
    if (!given->has_value()) return std::nullopt;
    const GivenOption& option = **given;
    if (option.id == kHelpOption) return Print(HelpText(kMayflyCommand, "mayfly"));
    if (option.id == static_cast<int>(MainOption::kVersion)) return PrintVersion();
    if (*option.value == '\0') return Usage("--host: give a service's socket, or none");
    SetHost(option.value);
  }
}

struct Work {
  std::string_view name;
  int (*function)(std::span<char* const> arguments);
};
// But `run`, which is first.
constexpr std::array kWorks = {
    Work{"ps", PsCommand},
    Work{"console", ConsoleCommand},
    Work{"wait", WaitCommand},
    Work{"pause", PauseCommand},
    Work{"resume", ResumeCommand},
    Work{"stop", StopCommand},
    Work{"kill", KillCommand},
    Work{"rm", RmCommand},
    Work{"top", TopCommand},
    Work{"inspect", InspectCommand},
    Work{"events", EventsCommand},
    Work{"stats", StatsCommand},
    Work{"update", UpdateCommand},
    Work{"disk", DiskCommand},
    Work{"doctor", DoctorCommand},
    Work{"version", VersionCommand},
    Work{"completion", CompletionCommand},
    Work{"man", ManCommand},
    Work{"complete", CompleteCommand},
};

[[nodiscard]] int Main(std::span<char* const> arguments) {
  Timeline timeline;
  timeline.Record(TimelineStep::kRequested);
  OccupyStandardFds();
  std::span<char* const> words = arguments.subspan(std::min<size_t>(arguments.size(), 1));
  OptionReader reader(kMayflyCommand, words);
  if (const auto code = ReadOptions(reader)) return *code;
  words = reader.rest();
  if (words.empty()) return Usage("a command is needed");
  const std::string_view command = words.front();
  const auto rest = words.subspan(1);
  if (command == kRunCommand.name) return RunCommand(rest, timeline);
  for (const Work& work : kWorks) {
    if (command == work.name) return work.function(rest);
  }
  return Usage(absl::StrCat("\"", ToAbsl(command), "\" is no command"));
}

}  // namespace
}  // namespace mayfly::cli

int main(int argc, char** argv) {
  try {
    return mayfly::cli::Main({argv, static_cast<size_t>(argc)});
  } catch (const kj::Exception& exception) {
    mayfly::cli::Complain(exception.getDescription().cStr());
    return static_cast<int>(mayfly::cli::ExitCode::kFailure);
  }
}
