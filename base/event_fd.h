#pragma once

#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly {

// An eventfd(2), non-blocking: a wake-up that any thread, or KVM (ioeventfd), can give.
// Thread-safe.
class [[nodiscard]] EventFd final {
 public:
  [[nodiscard]] static absl::StatusOr<EventFd> Create();

  [[nodiscard]] int fd() const { return fd_.get(); }
  // Adds one. Never blocks: a full counter is a pending wake-up already.
  void Signal() const;
  // Takes all; true where there was any.
  bool Drain() const;

 private:
  explicit EventFd(OwnedFd fd) : fd_(std::move(fd)) {}
  OwnedFd fd_;
};

}  // namespace mayfly
