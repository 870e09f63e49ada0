#include "api/host/service_manager.h"

#include <systemd/sd-daemon.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

constexpr int kForget = 1;
constexpr int kKeep = 0;

}  // namespace

ServiceManager::ServiceManager() : sockets_(::sd_listen_fds(kForget)) {}

absl::StatusOr<std::optional<OwnedFd>> ServiceManager::TakeSocket() {
  if (sockets_ == 0) return std::nullopt;
  if (sockets_ < 0) return ErrnoStatus("taking the socket of the service manager", -sockets_);
  if (sockets_ != 1) {
    return absl::InvalidArgumentError(absl::StrCat("this process was started with ", sockets_,
                                                   " sockets, and needs one; see mayflyd.socket"));
  }
  sockets_ = 0;
  return std::optional(OwnedFd(SD_LISTEN_FDS_START));
}

void ServiceManager::Notify(const std::string& lines) const {
  (void)::sd_notify(kKeep, lines.c_str());
}

}  // namespace mayfly::api
