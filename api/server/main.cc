// mayfly-vmm: the VMM process of one VM. It opens no path: it is started with one end of a socket
// pair, and what it needs arrives there.

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

#include "api/server/confinement.h"
#include "api/server/serve_vm.h"
#include "api/version.h"
#include "base/timeline.h"

namespace mayfly::api {
namespace {

constexpr int kSuccess = 0;
constexpr int kFailure = 1;
constexpr int kUsage = 2;

constexpr std::string_view kHelp =
    "usage: mayfly-vmm --socket-fd N\n"
    "\n"
    "Runs one virtual machine for the process that started it, which holds the other end of the\n"
    "Unix socket pair N and drives it with Cap'n Proto (api/mayfly.capnp, interface Vmm). Not "
    "meant\n"
    "to be started by hand: see `mayfly run`, and docs/api-client.md.\n"
    "\n"
    "  --socket-fd N  serve on the inherited file descriptor N\n"
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

[[nodiscard]] int Main(std::span<char* const> arguments) {
  auto timeline = std::make_shared<Timeline>();
  timeline->Record(TimelineStep::kVmmEntered);
  if (arguments.size() < 2) return UsageError("it needs --socket-fd");
  const std::string_view option = arguments[1];
  if (option == "--help") return Print(stdout, kHelp), kSuccess;
  if (option == "--version") {
    std::printf("mayfly-vmm %.*s\n", static_cast<int>(kVersion.size()), kVersion.data());
    return kSuccess;
  }
  if (option != "--socket-fd" || arguments.size() != 3) {
    return UsageError("it takes --socket-fd N and nothing else");
  }
  const std::optional<int> socket = ParseFd(arguments[2]);
  if (!socket) return UsageError("--socket-fd needs a number");
  if (!IsUnixStream(*socket)) return UsageError("--socket-fd is not an open Unix socket");
  if (const absl::Status status = ConfineProcess(); !status.ok()) {
    const std::string what(status.message());
    std::fprintf(stderr, "mayfly-vmm: %s\n", what.c_str());
    return kFailure;
  }
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
