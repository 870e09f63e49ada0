// mayfly: the command.

#include <capnp/message.h>
#include <kj/exception.h>

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
  auto words = arguments.subspan(std::min<size_t>(arguments.size(), 1));
  // --host SOCKET, --host=SOCKET
  constexpr std::string_view kHostWord = "--host";
  while (!words.empty() && std::string_view(words.front()).starts_with(kHostWord)) {
    const std::string_view word = words.front();
    const bool is_joined = word.size() > kHostWord.size();
    if (is_joined ? word[kHostWord.size()] != '=' : words.size() < 2) break;
    SetHost(is_joined ? words[0] + kHostWord.size() + 1 : words[1]);
    words = words.subspan(is_joined ? 1 : 2);
  }
  if (words.empty()) return Usage("a command is needed");
  const std::string_view command = words.front();
  const auto rest = words.subspan(1);
  if (command == kRunCommand.name) return RunCommand(rest, timeline);
  for (const Work& work : kWorks) {
    if (command == work.name) return work.function(rest);
  }
  if (command == "--help" || command == "-h") return Print(HelpText(kMayflyCommand, "mayfly"));
  if (command == "--version") return PrintVersion();
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
