#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/cli/host/commands.h"
#include "api/cli/host/host_command.h"
#include "api/cli/option_words.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "api/cli/units.h"
#include "api/codec/rate_limits_codec.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

constexpr uint64_t kMostDevices = 63;  // a machine has no room for more

// One of --disk, --net and --resize, understood.
struct Change {
  UpdateOption what = UpdateOption::kDisk;
  uint32_t number = 0;
  virtio::RateLimits disk = {};
  virtio::RateLimits transmit = {};
  virtio::RateLimits receive = {};
};

// The limit that `key` is of; nullptr where it is of none.
[[nodiscard]] virtio::RateLimit* LimitOf(std::string_view key, Change& change) {
  if (change.what == UpdateOption::kDisk) {
    if (key == "iops") return &change.disk.operations;
    if (key == "bps") return &change.disk.bytes;
  }
  if (change.what == UpdateOption::kNet) {
    if (key == "tx-pps") return &change.transmit.operations;
    if (key == "tx-bps") return &change.transmit.bytes;
    if (key == "rx-pps") return &change.receive.operations;
    if (key == "rx-bps") return &change.receive.bytes;
  }
  return nullptr;
}

[[nodiscard]] std::string_view NamesOf(UpdateOption what) {
  return what == UpdateOption::kDisk ? "iops=, bps=" : "tx-pps=, tx-bps=, rx-pps=, rx-bps=";
}

[[nodiscard]] absl::Status ApplyWord(std::string_view text, Change& change) {
  const OptionWord word = SplitWord(text);
  virtio::RateLimit* const limit = LimitOf(word.key, change);
  if (limit == nullptr || !word.value) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", ToAbsl(text), "\" is none of ", ToAbsl(NamesOf(change.what))));
  }
  const RateUnit unit = word.key.ends_with("bps") ? RateUnit::kBytes : RateUnit::kOperations;
  MAYFLY_ASSIGN_OR_RETURN(*limit, ParseRate(*word.value, unit));
  return absl::OkStatus();
}

[[nodiscard]] absl::StatusOr<Change> ParseChange(UpdateOption what, std::string_view text) {
  Change change{.what = what};
  const std::vector<std::string_view> words = SplitWords(text);
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t number, ParseNumber(words.front(), 0, kMostDevices));
  change.number = static_cast<uint32_t>(number);
  if (what == UpdateOption::kResize && words.size() > 1) {
    return absl::InvalidArgumentError("it is a number alone");
  }
  for (size_t i = 1; i < words.size(); ++i) MAYFLY_RETURN_IF_ERROR(ApplyWord(words[i], change));
  return change;
}

[[nodiscard]] std::string_view NameOf(UpdateOption what) {
  switch (what) {
    case UpdateOption::kDisk:
      return "--disk";
    case UpdateOption::kNet:
      return "--net";
    case UpdateOption::kResize:
      return "--resize";
  }
  return "";
}

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
      request.setNet(change.number);
      api::EncodeRateLimits(change.transmit, request.initTransmit());
      api::EncodeRateLimits(change.receive, request.initReceive());
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
