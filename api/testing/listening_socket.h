#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include "base/owned_fd.h"

namespace mayfly::api::testing {

// A listening Unix socket with a name of its own, which the kernel made up, and those who connect
// to it.
class ListeningSocket final {
 public:
  // valid() unless the host does not play along.
  ListeningSocket();

  [[nodiscard]] bool valid() const { return fd_.valid(); }
  [[nodiscard]] OwnedFd Duplicate() const { return OwnedFd::Duplicate(fd_.get()).value(); }
  // A connected socket, non-blocking.
  [[nodiscard]] OwnedFd Connect() const;

 private:
  OwnedFd fd_;
  sockaddr_un address_{};
  socklen_t size_ = 0;
};

}  // namespace mayfly::api::testing
