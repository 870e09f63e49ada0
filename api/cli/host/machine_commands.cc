#include <capnp/message.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "api/cli/exit_code.h"
#include "api/cli/host/commands.h"
#include "api/cli/host/host_command.h"
#include "api/cli/output/json.h"
#include "api/cli/output/reports.capnp.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "api/codec/exit_status_codec.h"
#include "api/codec/text.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

// For programs: to which VM it was done.
[[nodiscard]] std::string DoneLine(const std::string& name) {
  capnp::MallocMessageBuilder message;
  auto done = message.initRoot<report::Done>();
  done.setName(api::ToText(name));
  return ToJsonLine(done.asReader());
}

// Does `act` to each VM that is named; goes on behind one that it cannot be done to.
template <typename Act>
[[nodiscard]] int ForEach(const Command& table, std::span<char* const> arguments, Act act) {
  HostCommand command(table, arguments);
  if (const auto code = command.Read()) return *code;
  auto host = command.Connect();
  if (!host.ok()) return command.Finish(host.status());
  int code = static_cast<int>(ExitCode::kSuccess);
  for (const std::string& name : command.line().operands()) {
    absl::StatusOr<rpc::Machine::Client> machine = (*host)->Get(name);
    const absl::Status status =
        machine.ok() ? Annotate(act(**host, *machine), name) : machine.status();
    if (!status.ok()) {
      code = command.Finish(status);
    } else if (command.format() == Format::kJson) {
      if (const int failure = Print(DoneLine(name)); failure != 0) code = failure;
    }
  }
  return code;
}

}  // namespace

int KillCommand(std::span<char* const> arguments) {
  return ForEach(kKillCommand, arguments, [](HostClient& host, rpc::Machine::Client& machine) {
    return host.Await(machine.killRequest().send()).status();
  });
}

int PauseCommand(std::span<char* const> arguments) {
  return ForEach(kPauseCommand, arguments, [](HostClient& host, rpc::Machine::Client& machine) {
    return host.Await(machine.pauseRequest().send()).status();
  });
}

int ResumeCommand(std::span<char* const> arguments) {
  return ForEach(kResumeCommand, arguments, [](HostClient& host, rpc::Machine::Client& machine) {
    return host.Await(machine.resumeRequest().send()).status();
  });
}

int RmCommand(std::span<char* const> arguments) {
  return ForEach(kRmCommand, arguments, [](HostClient& host, rpc::Machine::Client& machine) {
    // Then it is ours alone, and goes when we do.
    MAYFLY_RETURN_IF_ERROR(host.Await(machine.attachRequest().send()).status());
    const absl::Status status = host.Await(machine.killRequest().send()).status();
    // It has ended already.
    return absl::IsFailedPrecondition(status) ? absl::OkStatus() : status;
  });
}

int WaitCommand(std::span<char* const> arguments) {
  HostCommand command(kWaitCommand, arguments);
  if (const auto code = command.Read()) return *code;
  auto host = command.Connect();
  if (!host.ok()) return command.Finish(host.status());
  auto machine = (*host)->Get(command.line().operands().front());
  if (!machine.ok()) return command.Finish(machine.status());
  auto response = (*host)->Await(machine->waitRequest().send());
  if (!response.ok()) return command.Finish(response.status());
  if (command.format() == Format::kJson) {
    if (const int failure = Print(ToJson(response->getStatus())); failure != 0) return failure;
  }
  const vmm::ExitStatus status = api::DecodeExitStatus(response->getStatus());
  if (IsWorthAWord(status.reason)) Complain(status.detail);
  return ExitCodeOf(status);
}

}  // namespace mayfly::cli
