#include "base/owned_fd.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/status.h"

namespace mayfly {

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  if (this != &other) {
    Reset();
    fd_ = std::exchange(other.fd_, kNone);
  }
  return *this;
}

absl::StatusOr<OwnedFd> OwnedFd::Duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return ErrnoStatus("duplicating a file descriptor");
  return OwnedFd(copy);
}

void OwnedFd::Reset() {
  // Linux frees the number even when close() fails (close(2), "Dealing with error returns"): never
  // retry.
  if (fd_ >= 0) ::close(std::exchange(fd_, kNone));
}

}  // namespace mayfly
