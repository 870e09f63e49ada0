#pragma once

#include <liburing.h>

#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"

namespace mayfly::virtio {

// An io_uring with one registered file, which can do nothing but read, write, flush and allocate
// it.
//
// Threading: one thread at a time; the kernel finishes requests for the thread that submitted them,
// so that is to be the same one as long as any are in flight.
class Uring final {
  class Passkey {
    friend class Uring;
    Passkey() = default;
  };

 public:
  struct Completion {
    void* tag = nullptr;  // as queued
    int32_t result = 0;   // what the system call would return; less than zero: an errno value
  };
  // Room for `entries` (a power of two) between two submissions. Errors: Unavailable where this
  // host has no io_uring, or does not let us have it; those of io_uring_setup(2).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Uring>> Create(unsigned entries, int file);
  explicit Uring(Passkey) {}
  Uring(const Uring&) = delete;
  Uring& operator=(const Uring&) = delete;
  ~Uring();

  // Readable when there are completions.
  [[nodiscard]] int fd() const { return ring_.ring_fd; }

  // A request on the registered file that is to be filled in (io_uring_prep_*(), with kFile for the
  // descriptor) and then given to Queue(); nullptr where there is no room until Submit().
  [[nodiscard]] io_uring_sqe* Next() { return ::io_uring_get_sqe(&ring_); }
  static constexpr int kFile = 0;
  // `sqe` is complete, and its completion will have `tag`.
  static void Queue(io_uring_sqe* sqe, void* tag);
  // Hands over all that is queued. 0 or an errno value; what the kernel did not take stays queued.
  [[nodiscard]] int Submit();
  // Returns when there is a completion, or with an errno value.
  [[nodiscard]] int Wait();
  // Takes completions, as many as there are and `out` has room for; returns those.
  [[nodiscard]] std::span<const Completion> Reap(std::span<Completion> out);
  // Queued, and not taken by the kernel.
  [[nodiscard]] size_t queued() const { return ::io_uring_sq_ready(&ring_); }

 private:
  io_uring ring_ = {};
  bool created_ = false;
};

}  // namespace mayfly::virtio
