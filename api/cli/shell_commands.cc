#include "api/cli/shell_commands.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/cli/host/host_choice.h"
#include "api/cli/host/host_client.h"
#include "api/cli/say.h"
#include "api/cli/table/command_line.h"
#include "api/cli/table/commands.h"
#include "api/cli/table/completion.h"
#include "api/cli/table/man_page.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

// VMs are known to their host service alone; where none answers, there is nothing to offer.
[[nodiscard]] std::vector<Candidate> NameMachines(std::vector<Candidate> candidates) {
  std::vector<Candidate> all;
  for (Candidate& candidate : candidates) {
    if (candidate.what != Candidate::What::kMachines) {
      all.push_back(std::move(candidate));
      continue;
    }
    const HostChoice choice = ChooseHost(candidate.host);
    if (choice.path.empty() || !HostAnswers(choice.path)) continue;
    auto host = HostClient::Connect(choice);
    if (!host.ok()) continue;
    const auto list = (*host)->List({});
    if (!list.ok()) continue;
    for (const auto machine : list->getMachines()) {
      // A number without the sign that begins a comment in shells.
      const std::string name = machine.getName().size() == 0 ? absl::StrCat(machine.getId())
                                                             : api::FromText(machine.getName());
      all.push_back({Candidate::What::kWord, absl::StrCat(candidate.text, name)});
    }
  }
  return all;
}

}  // namespace

int CompletionCommand(std::span<char* const> arguments) {
  CommandLine line(kCompletionCommand, "completion", arguments);
  if (const auto code = line.Read()) return *code;
  const std::string& shell = line.operands().front();
  const std::string_view script = CompletionScript(shell);
  if (!script.empty()) return Print(script);
  return line.Usage(absl::StrCat("\"", shell, "\" is none of bash, zsh, fish"));
}

int CompleteCommand(std::span<char* const> arguments) {
  std::vector<std::string_view> words(arguments.begin(), arguments.end());
  if (!words.empty() && words.front() == "--") words.erase(words.begin());
  return Print(FormatCandidates(NameMachines(Complete(kMayflyCommand, words))));
}

int ManCommand(std::span<char* const> arguments) {
  CommandLine line(kManCommand, "man", arguments);
  if (const auto code = line.Read()) return *code;
  if (line.operands().empty()) return Print(ManPage(kMayflyCommand, "mayfly"));
  const std::string& name = line.operands().front();
  const Command* const command = FindPart(kMayflyCommand, name);
  if (command != nullptr) return Print(ManPage(*command, absl::StrCat("mayfly ", name)));
  return line.Usage(absl::StrCat("\"", name, "\" is no command; see mayfly --help"));
}

}  // namespace mayfly::cli
