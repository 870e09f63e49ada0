// mayflyd: launches VMs for its clients, which speak Cap'n Proto over a Unix socket.

#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <kj/exception.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/host/client_door.h"
#include "api/host/fleet.h"
#include "api/host/host_budget.h"
#include "api/host/host_config.h"
#include "api/host/host_log.h"
#include "api/host/host_snapshot.h"
#include "api/host/host_socket.h"
#include "api/host/metrics_endpoint.h"
#include "api/host/opener.h"
#include "api/host/service_manager.h"
#include "api/host/state_directory.h"
#include "api/host_config.capnp.h"
#include "api/version.h"
#include "base/owned_fd.h"
#include "base/standard_fds.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

constexpr int kSuccess = 0;
constexpr int kFailure = 1;
constexpr int kUsage = 2;
// Otherwise the loop looks for what is new only when nothing is left to do, and who keeps it busy
// holds up all others.
constexpr unsigned kTurnsBetweenPolls = 8;

constexpr std::string_view kHelp =
    "Launches virtual machines for its clients, such as `mayfly --host SOCKET`: see docs/api.md.\n"
    "\n"
    "usage: mayflyd [OPTION]...\n"
    "\n"
    "  --socket PATH  listen there, instead of /run/mayfly/mayflyd.sock for root,\n"
    "                 $XDG_RUNTIME_DIR/mayfly/mayflyd.sock for others\n"
    "  --config FILE  the configuration: JSON, or Cap'n Proto text (api/host_config.capnp)\n"
    "  --print-config show the whole configuration, with what is by default, and end\n"
    "  --help         say this\n"
    "  --version      say the version\n"
    "\n"
    "SIGTERM ends it, and its VMs, but for those that are detached.\n";

void Print(FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

[[nodiscard]] int Usage(absl::string_view what) {
  Log(LogLevel::ERROR, absl::StrCat(what, "; see mayflyd --help"));
  return kUsage;
}

[[nodiscard]] absl::StatusOr<HostSocket> OpenSocket(std::optional<OwnedFd> given,
                                                    const HostConfigFile& file) {
  if (given) return HostSocket::Take(*std::move(given));
  return HostSocket::Bind(file.config().getSocket().cStr(), file.access());
}

// Where the socket is, whoever has bound it.
[[nodiscard]] absl::StatusOr<std::string> PathOf(const std::optional<OwnedFd>& given,
                                                 rpc::HostConfig::Reader config) {
  if (!given) return std::string(config.getSocket().cStr());
  MAYFLY_ASSIGN_OR_RETURN(OwnedFd copy, OwnedFd::Duplicate(given->get()));
  MAYFLY_ASSIGN_OR_RETURN(const HostSocket socket, HostSocket::Take(std::move(copy)));
  return socket.path();
}

using MaybeMetrics = std::optional<MetricsEndpoint>;

[[nodiscard]] absl::Status Serve(const HostConfigFile& file, ServiceManager& manager,
                                 MaybeMetrics& metrics) {
  // One that comes while all this is made ready waits.
  kj::UnixEventPort::captureSignal(SIGTERM);
  kj::UnixEventPort::captureSignal(SIGINT);
  kj::AsyncIoContext io = kj::setupAsyncIo();
  io.waitScope.setBusyPollInterval(kTurnsBetweenPolls);
  const rpc::HostConfig::Reader config = file.config();
  MAYFLY_ASSIGN_OR_RETURN(std::optional<OwnedFd> given, manager.TakeSocket());
  MAYFLY_ASSIGN_OR_RETURN(const std::string path, PathOf(given, config));
  MAYFLY_ASSIGN_OR_RETURN(const StateDirectory state, StateDirectory::Lock(path));
  MAYFLY_ASSIGN_OR_RETURN(const HostBudget budget, HostBudget::Make(config));
  for (const std::string& warning : budget.warnings) Log(LogLevel::WARNING, warning);
  MAYFLY_ASSIGN_OR_RETURN(FleetResources resources, FleetResources::Open(config.getCgroupParent()));
  if (config.getMetrics().size() != 0) {
    MAYFLY_ASSIGN_OR_RETURN(metrics, MetricsEndpoint::Open(config.getMetrics().cStr()));
  }
  MAYFLY_ASSIGN_OR_RETURN(HostSocket socket, OpenSocket(std::move(given), file));
  Fleet fleet(io, std::move(resources), config, budget, state.path());
  std::vector<std::string> complaints;
  fleet.AdoptAll(complaints);
  for (const std::string& complaint : complaints) Log(LogLevel::WARNING, complaint);
  ClientDoor door(io, socket.fd(), fleet, config, budget.connections);
  std::string told = absl::StrCat("listening on ", path);
  if (metrics) {
    metrics->Serve([&] { return HostSnapshot::Of(fleet, door.connections().count()); });
    absl::StrAppend(&told, ", metrics on ", metrics->url());
  }
  Log(LogLevel::NOTICE, told);
  manager.Notify(absl::StrCat("READY=1\nSTATUS=", told));
  const siginfo_t signal = io.unixEventPort.onSignal(SIGTERM)
                               .exclusiveJoin(io.unixEventPort.onSignal(SIGINT))
                               .wait(io.waitScope);
  Log(LogLevel::NOTICE, absl::StrCat("ending, for signal ", signal.si_signo));
  manager.Notify("STOPPING=1");
  door.Close();
  socket.Close();
  fleet.Close().wait(io.waitScope);
  return absl::OkStatus();
}

struct Options {
  std::string socket;
  std::string config;
  bool print_config = false;
};

// Nothing where the command is to go on; otherwise its exit status.
[[nodiscard]] std::optional<int> Parse(std::span<char* const> arguments, Options& options) {
  for (size_t at = 1; at < arguments.size(); ++at) {
    const std::string_view option = arguments[at];
    if (option == "--help" || option == "-h") return Print(stdout, kHelp), kSuccess;
    if (option == "--version") {
      return Print(stdout, absl::StrCat("mayflyd ", ToAbsl(kVersion), "\n")), kSuccess;
    }
    if (option == "--print-config") {
      options.print_config = true;
      continue;
    }
    if (option != "--socket" && option != "--config") {
      return Usage(absl::StrCat("\"", ToAbsl(option), "\" is no option"));
    }
    if (++at == arguments.size()) {
      return Usage(absl::StrCat(ToAbsl(option), " needs a path"));
    }
    (option == "--socket" ? options.socket : options.config) = arguments[at];
  }
  return std::nullopt;
}

// What `metrics` becomes outlives the service's loop.
[[nodiscard]] int Main(std::span<char* const> arguments, MaybeMetrics& metrics) {
  if (IsOpener(arguments)) return RunOpener();
  // First of all: descriptors that follow the standard ones may be the service manager's.
  OccupyStandardFds();
  ServiceManager manager;
  Options options;
  if (const auto code = Parse(arguments, options)) return *code;
  const auto file = HostConfigFile::Load(options.config, options.socket);
  if (!file.ok()) {
    Log(LogLevel::ERROR, ToStd(file.status().message()));
    return kUsage;
  }
  if (options.print_config) return Print(stdout, file->Text()), kSuccess;
  SetLogLevel(file->config().getLogLevel());
  const absl::Status status = Serve(*file, manager, metrics);
  if (status.ok()) return kSuccess;
  Log(LogLevel::ERROR, ToStd(status.message()));
  return kFailure;
}

}  // namespace
}  // namespace mayfly::api

int main(int argc, char** argv) {
  mayfly::api::MaybeMetrics metrics;
  int code = mayfly::api::kFailure;
  try {
    code = mayfly::api::Main({argv, static_cast<size_t>(argc)}, metrics);
  } catch (const kj::Exception& exception) {
    mayfly::api::Log(mayfly::api::LogLevel::ERROR, exception.getDescription().cStr());
  }
  std::fflush(stdout);
  // The threads of `metrics` would take seconds to end, and have nothing to lose.
  std::_Exit(code);
}
