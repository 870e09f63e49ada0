#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/cli/host/commands.h"
#include "api/cli/host/host_command.h"
#include "api/cli/host/machine_rows.h"
#include "api/cli/label_option.h"
#include "api/cli/output/json.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

struct PsOptions {
  bool all = false;
  bool quiet = false;
  std::vector<LabelOption> labels;
};

[[nodiscard]] absl::Status Apply(int id, std::string_view value, PsOptions& options) {
  switch (static_cast<PsOption>(id)) {
    case PsOption::kAll:
      options.all = true;
      return absl::OkStatus();
    case PsOption::kQuiet:
      options.quiet = true;
      return absl::OkStatus();
    case PsOption::kLabel: {
      MAYFLY_ASSIGN_OR_RETURN(LabelOption label, ParseLabelOption(value));
      options.labels.push_back(std::move(label));
      return absl::OkStatus();
    }
  }
  return absl::InternalError("an option without a meaning");
}

[[nodiscard]] std::string Show(const std::vector<rpc::MachineInfo::Reader>& machines, Format format,
                               bool quiet) {
  std::string out;
  if (format == Format::kJson) {
    for (const auto machine : machines) out += ToJsonLine(machine);
    return out;
  }
  if (quiet) {
    for (const auto machine : machines) absl::StrAppend(&out, NameOf(machine), "\n");
    return out;
  }
  return MachineTable(machines).Format(UsesColours(STDOUT_FILENO));
}

}  // namespace

int PsCommand(std::span<char* const> arguments) {
  HostCommand command(kPsCommand, arguments);
  PsOptions options;
  const auto code =
      command.Read([&](int id, std::string_view value) { return Apply(id, value, options); });
  if (code) return *code;
  if (options.quiet && command.format() == Format::kJson) {
    return command.line().Usage("--quiet: names alone are text; leave it, or --output, away");
  }
  auto host = command.Connect();
  if (!host.ok()) return command.Finish(host.status());
  auto list = (*host)->List(options.labels);
  if (!list.ok()) return command.Finish(list.status());
  std::vector<rpc::MachineInfo::Reader> shown;
  for (const auto machine : list->getMachines()) {
    if (options.all || machine.getState() != rpc::MachineState::ENDED) shown.push_back(machine);
  }
  return Print(Show(shown, command.format(), options.quiet));
}

}  // namespace mayfly::cli
