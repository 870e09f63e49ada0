#include "api/cli/host/commands.h"
#include "api/cli/host/host_command.h"
#include "api/cli/output/json.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "api/codec/text.h"

namespace mayfly::cli {

int InspectCommand(std::span<char* const> arguments) {
  HostCommand command(kInspectCommand, arguments);
  if (const auto code = command.Read()) return *code;
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
