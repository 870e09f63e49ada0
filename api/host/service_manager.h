#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly::api {

// The service manager that started this process, where one did: systemd, by the protocols of
// sd_listen_fds(3) and sd_notify(3), which are stable and small. (libsystemd, which speaks them,
// cannot be linked into a program without a loader, as a release of Mayfly is.)
//
// Threading: the main thread, before others are there.
class ServiceManager final {
 public:
  // Takes what the environment says out of it, so that no child finds it.
  ServiceManager();

  // The listening socket that it started us with; nothing where it did not. Once. Errors:
  // InvalidArgument for more than one.
  [[nodiscard]] absl::StatusOr<std::optional<OwnedFd>> TakeSocket();
  // Lines such as "READY=1". Nobody needs to mind whether they arrive.
  void Notify(const std::string& lines) const;

 private:
  std::string notify_socket_;  // empty: nobody listens
  int sockets_ = 0;
};

}  // namespace mayfly::api
