#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly::api {

// The directory beside its socket where a host service keeps what it has to find again, private to
// its user. Locked as long as this lives, so that a socket has one service and no more; it goes
// with the last service that left nothing in it.
class [[nodiscard]] StateDirectory final {
 public:
  // Makes "<socket>.d" where there is none. Errors: FailedPrecondition where another process has
  // it; errno's.
  [[nodiscard]] static absl::StatusOr<StateDirectory> Lock(const std::string& socket);
  StateDirectory(StateDirectory&&) noexcept = default;
  StateDirectory& operator=(StateDirectory&&) = delete;
  ~StateDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  StateDirectory(std::string path, OwnedFd directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  std::string path_;
  OwnedFd directory_;
};

}  // namespace mayfly::api
