#pragma once

#include <kj/async-unix.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "api/mayfly.capnp.h"
#include "vmm/console.h"

namespace mayfly::api {

// Carries the guest's console output to one reader, as fast as that reader takes it: what is under
// way is bounded by the flow control of Cap'n Proto's streams, what waits by the console's own
// buffer.
//
// Threading: the api thread's.
class ConsolePump final {
 public:
  // Both must outlive the pump.
  ConsolePump(vmm::Console& console, kj::UnixEventPort& port);
  KJ_DISALLOW_COPY(ConsolePump);

  // Sends to `reader` from now on, in place of any reader before.
  void Attach(rpc::ByteStream::Client reader);
  // The guest writes no more. The promise is fulfilled when the rest has been sent, and the stream
  // ended; at once where nobody reads. A reader that is attached later still gets what is left.
  [[nodiscard]] kj::Promise<void> Finish();

 private:
  // Bytes in one message: large enough that a flood costs few, small beside the stream's window.
  static constexpr size_t kChunkBytes = size_t{32} << 10;

  // A moment that any number of promises wait for.
  struct Moment {
    Moment();
    kj::Own<kj::PromiseFulfiller<void>> fulfiller;
    kj::ForkedPromise<void> promise;
  };

  [[nodiscard]] kj::Promise<void> Run(rpc::ByteStream::Client reader);
  [[nodiscard]] kj::Promise<void> Send(rpc::ByteStream::Client& reader, size_t bytes,
                                       uint64_t dropped);
  void ReaderIsDone();

  vmm::Console& console_;
  kj::UnixEventPort::FdObserver observer_;
  std::array<std::byte, kChunkBytes> chunk_;
  bool finished_ = false;  // the guest is
  bool has_reader_ = false;
  Moment finish_;
  Moment drained_;
  kj::Promise<void> task_ = nullptr;  // the reader's; the last member, so that it goes first
};

}  // namespace mayfly::api
