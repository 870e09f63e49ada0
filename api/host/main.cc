// mayflyd: launches VMs for its clients, which speak Cap'n Proto over a Unix socket.

#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <kj/exception.h>
#include <signal.h>

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/client/host_connection.h"
#include "api/host/client_door.h"
#include "api/host/fleet.h"
#include "api/host/host_budget.h"
#include "api/host/host_socket.h"
#include "api/host/state_directory.h"
#include "api/host_config.capnp.h"
#include "api/version.h"
#include "base/standard_fds.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

constexpr int kSuccess = 0;
constexpr int kFailure = 1;
constexpr int kUsage = 2;

constexpr std::string_view kHelp =
    "Launches virtual machines for its clients, such as `mayfly --host SOCKET`: see docs/api.md.\n"
    "\n"
    "usage: mayflyd [OPTION]...\n"
    "\n"
    "  --socket PATH  listen there, instead of /run/mayfly/mayflyd.sock for root,\n"
    "                 $XDG_RUNTIME_DIR/mayfly/mayflyd.sock for others\n"
    "  --help         say this\n"
    "  --version      say the version\n"
    "\n"
    "SIGTERM ends it, and its VMs.\n";

void Print(FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

void Say(absl::string_view text) { Print(stderr, absl::StrCat("mayflyd: ", text, "\n")); }

[[nodiscard]] int Usage(absl::string_view what) {
  Say(absl::StrCat(what, "; see mayflyd --help"));
  return kUsage;
}

[[nodiscard]] absl::Status Serve(const std::string& path, rpc::HostConfig::Reader config) {
  // One that comes while all this is made ready waits.
  kj::UnixEventPort::captureSignal(SIGTERM);
  kj::UnixEventPort::captureSignal(SIGINT);
  kj::AsyncIoContext io = kj::setupAsyncIo();
  MAYFLY_ASSIGN_OR_RETURN(const StateDirectory state, StateDirectory::Lock(path));
  MAYFLY_ASSIGN_OR_RETURN(const HostBudget budget, HostBudget::Make(config));
  for (const std::string& warning : budget.warnings) Say(warning);
  MAYFLY_ASSIGN_OR_RETURN(FleetResources resources, FleetResources::Open(config.getCgroupParent()));
  MAYFLY_ASSIGN_OR_RETURN(HostSocket socket, HostSocket::Bind(path, SocketAccess{}));
  Fleet fleet(io, std::move(resources), config, budget, state.path());
  std::vector<std::string> complaints;
  fleet.AdoptAll(complaints);
  for (const std::string& complaint : complaints) Say(complaint);
  ClientDoor door(io, socket.fd(), fleet, config);
  Say(absl::StrCat("listening on ", path));
  const siginfo_t signal = io.unixEventPort.onSignal(SIGTERM)
                               .exclusiveJoin(io.unixEventPort.onSignal(SIGINT))
                               .wait(io.waitScope);
  Say(absl::StrCat("ending, for signal ", signal.si_signo));
  door.Close();
  socket.Close();
  fleet.Close().wait(io.waitScope);
  return absl::OkStatus();
}

[[nodiscard]] int Main(std::span<char* const> arguments) {
  OccupyStandardFds();
  std::string path = DefaultHostSocket();
  for (size_t at = 1; at < arguments.size(); ++at) {
    const std::string_view option = arguments[at];
    if (option == "--help" || option == "-h") return Print(stdout, kHelp), kSuccess;
    if (option == "--version") {
      return Print(stdout, absl::StrCat("mayflyd ", ToAbsl(kVersion), "\n")), kSuccess;
    }
    if (option != "--socket") return Usage(absl::StrCat("\"", ToAbsl(option), "\" is no option"));
    if (++at == arguments.size()) return Usage("--socket needs a path");
    path = arguments[at];
  }
  if (path.empty()) return Usage("$XDG_RUNTIME_DIR is not set: give --socket PATH");
  const absl::Status status = Serve(path, rpc::HostConfig::Reader());
  if (status.ok()) return kSuccess;
  Say(status.message());
  return kFailure;
}

}  // namespace
}  // namespace mayfly::api

int main(int argc, char** argv) {
  try {
    return mayfly::api::Main({argv, static_cast<size_t>(argc)});
  } catch (const kj::Exception& exception) {
    mayfly::api::Say(exception.getDescription().cStr());
    return mayfly::api::kFailure;
  }
}
