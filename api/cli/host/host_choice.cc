#include "api/cli/host/host_choice.h"

#include <sys/socket.h>

#include <cstdlib>

#include "api/client/host_connection.h"
#include "base/owned_fd.h"
#include "base/unix_address.h"

namespace mayfly::cli {
namespace {

constexpr char kVariable[] = "MAYFLY_HOST";
constexpr char kNone[] = "none";

[[nodiscard]] HostChoice AskedFor(const std::string& path) {
  return {.path = path == kNone ? std::string() : path, .asked_for = true};
}

}  // namespace

HostChoice ChooseHost(const std::optional<std::string>& option) {
  if (option) return AskedFor(*option);
  const char* const variable = std::getenv(kVariable);
  if (variable != nullptr && *variable != '\0') return AskedFor(variable);
  return {.path = api::DefaultHostSocket(), .asked_for = false};
}

bool HostAnswers(const std::string& path) {
  const absl::StatusOr<UnixAddress> address = UnixAddress::At(path);
  if (!address.ok()) return false;
  const OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return socket.valid() && ::connect(socket.get(), address->get(), address->size()) == 0;
}

void SetHost(const char* path) { ::setenv(kVariable, path, 1); }

}  // namespace mayfly::cli
