#include <capnp/message.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/cli/host/commands.h"
#include "api/cli/host/host_command.h"
#include "api/cli/host/limit_change.h"
#include "api/cli/output/json.h"
#include "api/cli/output/reports.capnp.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "api/cli/units.h"
#include "api/codec/rate_limits_codec.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

[[nodiscard]] std::string ShowSize(uint32_t disk, uint64_t bytes, Format format) {
  if (format == Format::kText) return absl::StrCat("disk ", disk, ": ", FormatSize(bytes), "\n");
  capnp::MallocMessageBuilder message;
  auto resized = message.initRoot<report::Resized>();
  resized.setDisk(disk);
  resized.setBytes(bytes);
  return ToJsonLine(resized.asReader());
}

// Answers what is to be said of it.
[[nodiscard]] absl::StatusOr<std::string> Make(const Change& change, HostClient& host,
                                               rpc::Machine::Client& machine, Format format) {
  switch (change.what) {
    case UpdateOption::kDisk: {
      auto request = machine.updateDiskRequest();
      request.setDisk(change.number);
      api::EncodeRateLimits(change.disk, request.initLimits());
      MAYFLY_RETURN_IF_ERROR(host.Await(request.send()).status());
      return std::string();
    }
    case UpdateOption::kNet: {
      auto request = machine.updateNetRequest();
      EncodeNetChange(change, request);
      MAYFLY_RETURN_IF_ERROR(host.Await(request.send()).status());
      return std::string();
    }
    case UpdateOption::kResize: {
      auto request = machine.resizeDiskRequest();
      request.setDisk(change.number);
      MAYFLY_ASSIGN_OR_RETURN(const auto response, host.Await(request.send()));
      return ShowSize(change.number, response.getBytes(), format);
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
    const absl::StatusOr<std::string> made = Make(change, **host, *machine, command.format());
    if (!made.ok()) return command.Finish(Annotate(made.status(), NameOf(change.what)));
    if (const int failure = Print(*made); failure != 0) return failure;
  }
  return command.Finish(absl::OkStatus());
}

}  // namespace mayfly::cli
