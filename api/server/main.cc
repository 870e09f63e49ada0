// mayfly-vmm: the VMM process of one VM. It opens no path: it is started with a socket, and what it
// needs arrives there. With --api it makes that socket, and starts itself.

#include <kj/exception.h>
#include <sys/socket.h>

#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "api/server/confinement.h"
#include "api/server/serve_vm.h"
#include "api/server/stand_alone.h"
#include "api/version.h"
#include "base/owned_fd.h"
#include "base/timeline.h"
#include "jailer/jail_check.h"
#include "jailer/sanitized.h"

namespace mayfly::api {
namespace {

constexpr int kSuccess = 0;
constexpr int kFailure = 1;
constexpr int kUsage = 2;

constexpr std::string_view kHelp =
    "usage: mayfly-vmm --api SOCKET\n"
    "       mayfly-vmm --socket-fd N | --listen-fd N\n"
    "\n"
    "Runs one virtual machine for whoever drives it with Cap'n Proto (api/mayfly.capnp, interface\n"
    "Vmm); docs/api-client.md shows how. `mayfly run` does it for you.\n"
    "\n"
    "  --api SOCKET   serve in a jail those who connect to the Unix socket SOCKET, which is made\n"
    "                 for this user alone; end with the VM\n"
    "  --socket-fd N  serve the other end of the Unix socket N, which is inherited\n"
    "  --listen-fd N  serve those who connect to the listening Unix socket N, which is inherited\n"
    "                 (both: for programs that start this one in a jail, and nowhere else)\n"
    "  --help         say this\n"
    "  --version      say the version\n";

void Print(FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

[[nodiscard]] int UsageError(const char* what) {
  std::fprintf(stderr, "mayfly-vmm: %s; see mayfly-vmm --help\n", what);
  return kUsage;
}

[[nodiscard]] std::optional<int> ParseFd(std::string_view text) {
  int fd = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), fd);
  if (error != std::errc() || end != text.data() + text.size() || fd < 0) return std::nullopt;
  return fd;
}

[[nodiscard]] bool IsUnixStream(int fd) {
  sockaddr address{};
  socklen_t size = sizeof(address);
  return ::getsockname(fd, &address, &size) == 0 && address.sa_family == AF_UNIX;
}

// There is no VM outside of a jail, whoever starts this program. A sanitizer's runtime, which needs
// its libraries and /proc, is never in one.
[[nodiscard]] absl::Status RequireJail() {
  if (jailer::kSanitized) return absl::OkStatus();
  const absl::Status jailed = jailer::CheckJailed();
  if (jailed.ok()) return jailed;
  return absl::FailedPreconditionError(absl::StrCat(
      "--socket-fd and --listen-fd are for who starts this program in a jail, and ",
      jailed.message(), ": use mayfly run, mayflyd or mayfly-vmm --api SOCKET, which make one"));
}

[[nodiscard]] int Fail(const absl::Status& status) {
  const std::string what(status.message());
  std::fprintf(stderr, "mayfly-vmm: %s\n", what.c_str());
  return kFailure;
}

[[nodiscard]] int Main(std::span<char* const> arguments) {
  auto timeline = std::make_shared<Timeline>();
  timeline->Record(TimelineStep::kVmmEntered);
  if (arguments.size() < 2) return UsageError("it needs --api, --socket-fd or --listen-fd");
  const std::string_view option = arguments[1];
  if (option == "--help") return Print(stdout, kHelp), kSuccess;
  if (option == "--version") {
    std::printf("mayfly-vmm %.*s\n", static_cast<int>(kVersion.size()), kVersion.data());
    return kSuccess;
  }
  const bool listens = option == "--listen-fd";
  if ((option != "--api" && option != "--socket-fd" && !listens) || arguments.size() != 3) {
    return UsageError("it takes --api SOCKET, --socket-fd N or --listen-fd N and nothing else");
  }
  if (option == "--api") return RunStandAlone(arguments[2]);
  const std::optional<int> socket = ParseFd(arguments[2]);
  if (!socket) return UsageError("--socket-fd and --listen-fd need a number");
  if (!IsUnixStream(*socket)) return UsageError("the descriptor is not an open Unix socket");
  if (const absl::Status status = RequireJail(); !status.ok()) return Fail(status);
  if (const absl::Status status = ConfineProcess(); !status.ok()) return Fail(status);
  if (listens) ServeVmAt(OwnedFd(*socket), std::move(timeline), FilterThread);
  ServeVm(*socket, std::move(timeline), FilterThread);
}

}  // namespace
}  // namespace mayfly::api

int main(int argc, char** argv) {
  try {
    return mayfly::api::Main({argv, static_cast<size_t>(argc)});
  } catch (const kj::Exception& exception) {
    std::fprintf(stderr, "mayfly-vmm: %s\n", exception.getDescription().cStr());
    return mayfly::api::kFailure;
  }
}
