#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly::api {

// Who may connect to a socket.
struct SocketAccess {
  mode_t mode = 0600;
  std::optional<gid_t> group = std::nullopt;  // what it belongs to; none: this process's
};

// A listening Unix socket with a name in the file system, which goes with it.
class [[nodiscard]] HostSocket final {
 public:
  // Replaces what a dead process left there, also what it left beside it when it was killed while
  // it made its socket. When the name is there, somebody listens. Errors:
  // FailedPrecondition where somebody listens there, or what is there is no socket;
  // InvalidArgument for a bad path; errno's.
  [[nodiscard]] static absl::StatusOr<HostSocket> Bind(const std::string& path,
                                                       const SocketAccess& access);
  // One that another process has bound and listens on: its name stays when this goes. Errors:
  // InvalidArgument for what is none.
  [[nodiscard]] static absl::StatusOr<HostSocket> Take(OwnedFd fd);
  HostSocket(HostSocket&& other) noexcept = default;
  HostSocket& operator=(HostSocket&&) = delete;
  ~HostSocket() { Close(); }

  // Non-blocking.
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  // Nobody connects any more.
  void Close();
  // The socket, which keeps its name.
  [[nodiscard]] OwnedFd Keep() && { return std::move(fd_); }

 private:
  // At a path where nothing is.
  [[nodiscard]] static absl::StatusOr<HostSocket> Make(const std::string& path,
                                                       const SocketAccess& access);
  HostSocket(std::string path, OwnedFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  bool is_taken_ = false;
  OwnedFd fd_;
};

}  // namespace mayfly::api
