#pragma once

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/owned_fd.h"

namespace mayfly {

// A timerfd(2) on CLOCK_MONOTONIC, non-blocking: becomes readable when it expires. Thread-safe.
class [[nodiscard]] Timer final {
 public:
  [[nodiscard]] static absl::StatusOr<Timer> Create();

  [[nodiscard]] int fd() const { return fd_.get(); }
  // Expires once, `delay` from now (at least 1 ns); replaces an earlier setting.
  void Arm(Nanoseconds delay) const;
  void Disarm() const;
  // Takes the expiry; true where it had expired.
  bool Drain() const;

 private:
  explicit Timer(OwnedFd fd) : fd_(std::move(fd)) {}
  void Set(Nanoseconds delay) const;
  OwnedFd fd_;
};

}  // namespace mayfly
