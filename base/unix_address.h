#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly {

// The address of a Unix socket in the file system.
class UnixAddress final {
 public:
  // Errors: InvalidArgument for a path that is empty or too long for one (unix(7)).
  [[nodiscard]] static absl::StatusOr<UnixAddress> At(const std::string& path);

  // A connected stream socket, non-blocking. Errors: errno's.
  [[nodiscard]] absl::StatusOr<OwnedFd> Connect() const;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  [[nodiscard]] socklen_t size() const { return sizeof(address_); }

 private:
  sockaddr_un address_{};
};

}  // namespace mayfly
