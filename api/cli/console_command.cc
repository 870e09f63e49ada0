#include "api/cli/console_command.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "api/cli/host/host_command.h"
#include "api/cli/run_session.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "base/status.h"

namespace mayfly::cli {

int ConsoleCommand(std::span<char* const> arguments) {
  HostCommand command(kConsoleCommand, arguments);
  if (const auto code = command.Read()) return *code;
  auto host = command.Connect();
  if (!host.ok()) return command.Finish(host.status());
  const std::string& name = command.line().operands().front();
  auto machine = (*host)->Get(name);
  if (!machine.ok()) return command.Finish(machine.status());
  RunSession session(
      (*host)->io(),
      {.begin =
           [&](rpc::ByteStream::Client output) {
             auto request = machine->consoleRequest();
             request.setOutput(kj::mv(output));
             return api::MachineClient::Follow(*machine, request.send().getInput());
           },
       .judge_loss = [&](const absl::Status& loss) -> absl::StatusOr<vmm::ExitStatus> {
         return Annotate(loss, absl::StrCat("the host service at ", (*host)->path()));
       },
       .at_our_end = SessionVm::AtOurEnd::kLeaveVm},
      {});
  const RunOutcome outcome = session.Run();
  if (!outcome.complaint.empty()) Complain(outcome.complaint);
  ::_exit(outcome.exit_code);
}

}  // namespace mayfly::cli
