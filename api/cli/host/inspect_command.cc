#include "api/cli/host/commands.h"
#include "api/cli/host/host_command.h"
#include "api/cli/option_words.h"
#include "api/cli/output/json.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "api/codec/text.h"

namespace mayfly::cli {
namespace {

// The only option: for those who give it to all commands.
[[nodiscard]] absl::Status ApplyOutput(int /*id*/, std::string_view value) {
  if (value == "json") return absl::OkStatus();
  return BadOption("--output", "what there is to say is JSON in any case; leave it away");
}

}  // namespace

int InspectCommand(std::span<char* const> arguments) {
  HostCommand command(kInspectCommand, arguments);
  if (const auto code = command.Read(ApplyOutput)) return *code;
  auto host = command.Connect();
  if (!host.ok()) return command.Finish(host.status());
  auto request = (*host)->host().inspectRequest();
  request.setName(api::ToText(command.line().operands().front()));
  auto response = (*host)->Await(request.send());
  if (!response.ok()) return command.Finish(response.status());
  const rpc::Host::InspectResults::Reader& results = *response;
  return Print(ToJson(results));
}

}  // namespace mayfly::cli
