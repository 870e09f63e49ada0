#pragma once

#include <utility>

#include "absl/status/statusor.h"

namespace mayfly {

// A file descriptor with one owner, closed at the end of its life. Empty when moved from.
// Movable between threads; no synchronisation of its own.
class [[nodiscard]] OwnedFd final {
 public:
  OwnedFd() = default;
  // Takes ownership. A negative `fd` makes an empty one.
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, kNone)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  ~OwnedFd() { Reset(); }

  // A second descriptor of the same open file description, close-on-exec.
  [[nodiscard]] static absl::StatusOr<OwnedFd> Duplicate(int fd);

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  // Gives ownership away.
  [[nodiscard]] int release() { return std::exchange(fd_, kNone); }
  // Closes now.
  void Reset();

 private:
  static constexpr int kNone = -1;
  int fd_ = kNone;
};

}  // namespace mayfly
