#pragma once

#include <kj/async-unix.h>

#include <cstddef>
#include <optional>
#include <span>

#include "base/owned_fd.h"

namespace mayfly::cli {

// Our standard output, which others share: never put into non-blocking mode (that would be theirs,
// too), and yet it never blocks us, so that signals and the guest's input are served while nobody
// reads.
//
// Threading: the event loop's.
class OutputSink final {
 public:
  // `port` must outlive the sink.
  OutputSink(int fd, kj::UnixEventPort& port);
  KJ_DISALLOW_COPY(OutputSink);

  // Fulfilled when all of `bytes`, which must live until then, have been written, or will never be.
  // One at a time.
  [[nodiscard]] kj::Promise<void> Write(std::span<const std::byte> bytes);
  // Fulfilled with errno's value when writing has failed: what follows is dropped. Once.
  [[nodiscard]] kj::Promise<int> WhenFailed() { return kj::mv(failed_); }
  // Drops what is not written yet, and all that follows.
  void Abandon();

 private:
  enum class Kind {
    kNeverStalls,  // files: written as they are
    kPipe,         // and terminals: asked before each write whether there is room
    kSocket,       // written with MSG_DONTWAIT
  };

  [[nodiscard]] static Kind KindOf(int fd);
  // As much as goes without waiting; nothing where that is nothing.
  [[nodiscard]] std::optional<size_t> TryWrite(std::span<const std::byte> bytes);
  [[nodiscard]] std::optional<size_t> TryWriteToPipe(std::span<const std::byte> bytes);
  [[nodiscard]] kj::Promise<void> WhenWritable();

  OwnedFd own_;  // a terminal, opened once more
  int fd_;
  Kind kind_;
  kj::UnixEventPort& port_;
  std::optional<kj::UnixEventPort::FdObserver> observer_;  // made at the first stall
  bool dropping_ = false;
  kj::Own<kj::PromiseFulfiller<void>> abandon_;
  kj::ForkedPromise<void> abandoned_;
  kj::Own<kj::PromiseFulfiller<int>> fail_;
  kj::Promise<int> failed_;
};

}  // namespace mayfly::cli
