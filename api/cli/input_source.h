#pragma once

#include <kj/async-unix.h>

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "api/cli/escape_filter.h"
#include "api/mayfly.capnp.h"

namespace mayfly::cli {

// Our standard input, carried to the guest as fast as the guest takes it. It is shared with others
// and stays in the mode it is in.
//
// Threading: the event loop's.
class InputSource final {
 public:
  enum class Escape {
    kNone,   // every byte is the guest's
    kCtrlQ,  // see EscapeFilter
  };
  enum class End { kEndOfInput, kQuit };

  // `port` must outlive the source.
  InputSource(int fd, Escape escape, kj::UnixEventPort& port)
      : fd_(fd), escape_(escape), port_(port) {}
  KJ_DISALLOW_COPY(InputSource);

  // Carries until the end, which is told; a guest that takes no more is an end, too.
  [[nodiscard]] kj::Promise<End> Carry(rpc::ByteStream::Client guest);

 private:
  static constexpr size_t kChunkBytes = 4096;

  [[nodiscard]] kj::Promise<End> Step(rpc::ByteStream::Client guest);
  [[nodiscard]] kj::Promise<void> WhenReadable();
  [[nodiscard]] kj::Promise<void> Send(rpc::ByteStream::Client& guest);

  int fd_;
  Escape escape_;
  kj::UnixEventPort& port_;
  std::optional<kj::UnixEventPort::FdObserver>
      observer_;  // made when there is first nothing to read
  EscapeFilter filter_;
  std::array<std::byte, kChunkBytes> chunk_;
  std::vector<std::byte> for_guest_;
};

}  // namespace mayfly::cli
