#include <capnp/message.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/cli/exit_code.h"
#include "api/cli/host/commands.h"
#include "api/cli/host/host_command.h"
#include "api/cli/output/json.h"
#include "api/cli/output/reports.capnp.h"
#include "api/cli/say.h"
#include "api/cli/table/commands.h"
#include "api/cli/units.h"
#include "api/codec/text.h"
#include "base/clock.h"
#include "base/status.h"

namespace mayfly::cli {
namespace {

// A VM that is to end by itself.
struct Stopping {
  Stopping(std::string its_name, rpc::Machine::Client its_machine)
      : name(std::move(its_name)),
        machine(kj::mv(its_machine)),
        ended(machine.waitRequest().send().ignoreResult().eagerlyEvaluate(nullptr)) {}

  std::string name;
  rpc::Machine::Client machine;
  kj::Promise<void> ended;  // asked at once, so that it is known while others are waited for
};

[[nodiscard]] absl::StatusOr<Stopping> Press(HostClient& host, const std::string& name) {
  MAYFLY_ASSIGN_OR_RETURN(rpc::Machine::Client machine, host.Get(name));
  const absl::Status pressed = host.Await(machine.powerButtonRequest().send()).status();
  if (!absl::IsFailedPrecondition(pressed)) {
    if (!pressed.ok()) return Annotate(pressed, name);
    return Stopping(name, kj::mv(machine));
  }
  // It has ended already, or was never started.
  MAYFLY_ASSIGN_OR_RETURN(const auto stats, host.Await(machine.statsRequest().send()));
  if (stats.getStats().getState() != rpc::MachineState::ENDED) return Annotate(pressed, name);
  return Stopping(name, kj::mv(machine));
}

// Whether it ends before `deadline`, of CLOCK_MONOTONIC, where there is one. Errors: the host's.
[[nodiscard]] absl::StatusOr<bool> Ends(HostClient& host, Stopping& vm,
                                        const std::optional<Nanoseconds>& deadline) {
  auto fork = vm.ended.fork();
  vm.ended = fork.addBranch();
  auto ended = fork.addBranch().then([] { return true; });
  if (deadline && !ended.poll(host.io().waitScope)) {
    const Nanoseconds left = std::max(*deadline - MonotonicNow(), Nanoseconds(0));
    auto late = host.io().provider->getTimer().afterDelay(left.count() * kj::NANOSECONDS);
    ended = ended.exclusiveJoin(late.then([] { return false; }));
  }
  try {
    return ended.wait(host.io().waitScope);
  } catch (const kj::Exception& exception) {
    return host.Explain(exception);
  }
}

[[nodiscard]] absl::Status Await(HostClient& host, Stopping& vm,
                                 const std::optional<Nanoseconds>& deadline) {
  MAYFLY_ASSIGN_OR_RETURN(const bool ended, Ends(host, vm, deadline));
  if (ended) return absl::OkStatus();
  Complain(absl::StrCat(vm.name, ": it has not ended in time, and is killed"));
  const absl::Status killed = host.Await(vm.machine.killRequest().send()).status();
  // It has ended meanwhile.
  if (!killed.ok() && !absl::IsFailedPrecondition(killed)) return killed;
  return Ends(host, vm, std::nullopt).status();
}

// Of one that has ended.
[[nodiscard]] absl::StatusOr<std::string> StoppedLine(HostClient& host, Stopping& vm) {
  MAYFLY_ASSIGN_OR_RETURN(const auto response, host.Await(vm.machine.waitRequest().send()));
  capnp::MallocMessageBuilder message;
  auto stopped = message.initRoot<report::Stopped>();
  stopped.setName(api::ToText(vm.name));
  stopped.setExit(response.getStatus());
  return ToJsonLine(stopped.asReader());
}

// Sees it to its end; answers what is to be said of it.
[[nodiscard]] absl::StatusOr<std::string> SeeOut(HostClient& host, Stopping& vm,
                                                 const std::optional<Nanoseconds>& deadline,
                                                 Format format) {
  MAYFLY_RETURN_IF_ERROR(Await(host, vm, deadline));
  if (format == Format::kText) return std::string();
  return StoppedLine(host, vm);
}

}  // namespace

int StopCommand(std::span<char* const> arguments) {
  HostCommand command(kStopCommand, arguments);
  std::optional<Nanoseconds> within;
  const auto code = command.Read([&](int /*id*/, std::string_view value) {
    const auto time = ParseDuration(value);
    if (!time.ok()) return Annotate(time.status(), "--within");
    within = *time;
    return absl::OkStatus();
  });
  if (code) return *code;
  auto host = command.Connect();
  if (!host.ok()) return command.Finish(host.status());
  int result = static_cast<int>(ExitCode::kSuccess);
  std::vector<Stopping> stopping;
  for (const std::string& name : command.line().operands()) {
    absl::StatusOr<Stopping> vm = Press(**host, name);
    if (vm.ok()) {
      stopping.push_back(*std::move(vm));
    } else {
      result = command.Finish(vm.status());
    }
  }
  // Of all together.
  std::optional<Nanoseconds> deadline;
  if (within) deadline = MonotonicNow() + *within;
  for (Stopping& vm : stopping) {
    const absl::StatusOr<std::string> said = SeeOut(**host, vm, deadline, command.format());
    if (!said.ok()) {
      result = command.Finish(Annotate(said.status(), vm.name));
    } else if (const int failure = Print(*said); failure != 0) {
      result = failure;
    }
  }
  return result;
}

}  // namespace mayfly::cli
