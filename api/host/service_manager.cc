#include "api/host/service_manager.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

// SD_LISTEN_FDS_START.
constexpr int kFirstSocket = 3;

[[nodiscard]] std::string TakeVariable(const char* name) {
  const char* const value = ::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

}  // namespace

ServiceManager::ServiceManager() : notify_socket_(TakeVariable("NOTIFY_SOCKET")) {
  const std::string pid = TakeVariable("LISTEN_PID");
  const std::string count = TakeVariable("LISTEN_FDS");
  (void)TakeVariable("LISTEN_FDNAMES");
  int number = 0;
  // Another process of the same environment may have been meant.
  if (!absl::SimpleAtoi(pid, &number) || number != ::getpid()) return;
  if (absl::SimpleAtoi(count, &number) && number > 0) sockets_ = number;
}

absl::StatusOr<std::optional<OwnedFd>> ServiceManager::TakeSocket() {
  if (sockets_ == 0) return std::nullopt;
  if (sockets_ != 1) {
    return absl::InvalidArgumentError(absl::StrCat("this process was started with ", sockets_,
                                                   " sockets, and needs one; see mayflyd.socket"));
  }
  sockets_ = 0;
  if (::fcntl(kFirstSocket, F_SETFD, FD_CLOEXEC) != 0) {
    return ErrnoStatus("taking the socket of the service manager");
  }
  return std::optional(OwnedFd(kFirstSocket));
}

void ServiceManager::Notify(const std::string& lines) const {
  sockaddr_un address{};
  if (notify_socket_.empty() || notify_socket_.size() >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, notify_socket_.data(), notify_socket_.size());
  // "@" stands for the zero that an abstract name begins with.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const OwnedFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + notify_socket_.size());
  (void)::sendto(socket.get(), lines.data(), lines.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace mayfly::api
