#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly::api {

// The service manager that started this process, where one did: systemd, or who speaks as it does
// (sd_listen_fds(3), sd_notify(3)).
//
// Threading: the main thread, before others are there.
class ServiceManager final {
 public:
  // Takes what the environment says of sockets out of it.
  ServiceManager();

  // The listening socket that it started us with; nothing where it did not. Once. Errors:
  // InvalidArgument for more than one; errno's.
  [[nodiscard]] absl::StatusOr<std::optional<OwnedFd>> TakeSocket();
  // Lines such as "READY=1". Nobody needs to mind whether they arrive.
  void Notify(const std::string& lines) const;

 private:
  int sockets_;  // how many; below 0: an errno
};

}  // namespace mayfly::api
