#include "api/testing/listening_socket.h"

namespace mayfly::api::testing {
namespace {

constexpr int kBacklog = 64;

}  // namespace

ListeningSocket::ListeningSocket() {
  OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  address_.sun_family = AF_UNIX;
  auto* const address = reinterpret_cast<sockaddr*>(&address_);
  // Of the family alone: unix(7), "Autobind feature".
  if (::bind(fd.get(), address, sizeof address_.sun_family) != 0) return;
  size_ = sizeof address_;
  if (::getsockname(fd.get(), address, &size_) != 0) return;
  if (::listen(fd.get(), kBacklog) == 0) fd_ = std::move(fd);
}

OwnedFd ListeningSocket::Connect() const {
  OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address_), size_) != 0) return {};
  return fd;
}

}  // namespace mayfly::api::testing
