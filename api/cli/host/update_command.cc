#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/cli/host/commands.h"
#include "api/cli/host/host_command.h"
#include "api/cli/host/limit_change.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "api/cli/units.h"
#include "api/codec/rate_limits_codec.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

[[nodiscard]] absl::Status Make(const Change& change, HostClient& host,
                                rpc::Machine::Client& machine) {
  switch (change.what) {
    case UpdateOption::kDisk: {
      auto request = machine.updateDiskRequest();
      request.setDisk(change.number);
      api::EncodeRateLimits(change.disk, request.initLimits());
      return host.Await(request.send()).status();
    }
    case UpdateOption::kNet: {
      auto request = machine.updateNetRequest();
      EncodeNetChange(change, request);
      return host.Await(request.send()).status();
    }
    case UpdateOption::kResize: {
      auto request = machine.resizeDiskRequest();
      request.setDisk(change.number);
      MAYFLY_ASSIGN_OR_RETURN(const auto response, host.Await(request.send()));
      const std::string line =
          absl::StrCat("disk ", change.number, ": ", FormatSize(response.getBytes()), "\n");
      return Print(line) == 0 ? absl::OkStatus() : absl::InternalError("standard output is lost");
    }
  }
  return absl::InternalError("a change without a meaning");
}

}  // namespace

int UpdateCommand(std::span<char* const> arguments) {
  HostCommand command(kUpdateCommand, arguments);
  std::vector<Change> changes;
  const auto code = command.Read([&](int id, std::string_view value) {
    const auto what = static_cast<UpdateOption>(id);
    auto change = ParseChange(what, value);
    if (!change.ok()) return Annotate(change.status(), NameOf(what));
    changes.push_back(*std::move(change));
    return absl::OkStatus();
  });
  if (code) return *code;
  if (changes.empty()) return command.line().Usage("what is to change?");
  auto host = command.Connect();
  if (!host.ok()) return command.Finish(host.status());
  auto machine = (*host)->Get(command.line().operands().front());
  if (!machine.ok()) return command.Finish(machine.status());
  for (const Change& change : changes) {
    const absl::Status status = Make(change, **host, *machine);
    if (!status.ok()) return command.Finish(Annotate(status, NameOf(change.what)));
  }
  return command.Finish(absl::OkStatus());
}

}  // namespace mayfly::cli
