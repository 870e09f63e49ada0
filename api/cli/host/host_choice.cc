#include "api/cli/host/host_choice.h"

#include <cstdlib>

#include "api/client/host_connection.h"
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
  return address.ok() && address->Connect().ok();
}

void SetHost(const char* path) { ::setenv(kVariable, path, 1); }

}  // namespace mayfly::cli
