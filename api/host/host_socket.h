#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly::api {

// A listening Unix socket with a name in the file system, which goes with it.
class [[nodiscard]] HostSocket final {
 public:
  // Replaces what a dead process left there. `mode`: who may connect. Errors: FailedPrecondition
  // where somebody listens there, or what is there is no socket; InvalidArgument for a bad path;
  // errno's.
  [[nodiscard]] static absl::StatusOr<HostSocket> Bind(const std::string& path, mode_t mode);
  HostSocket(HostSocket&& other) noexcept = default;
  HostSocket& operator=(HostSocket&&) = delete;
  ~HostSocket() { Close(); }

  // Non-blocking.
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }
  // Nobody connects any more.
  void Close();

 private:
  HostSocket(std::string path, OwnedFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  OwnedFd fd_;
};

}  // namespace mayfly::api
