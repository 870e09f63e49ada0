#pragma once

#include <kj/async-unix.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "api/mayfly.capnp.h"
#include "vmm/console.h"

namespace mayfly::api {

// Carries the guest's console output to one reader, as fast as that reader takes it: what is under
// way is a few messages, what waits is bounded by the console's own buffer.
//
// Threading: the api thread's.
class ConsolePump final {
 public:
  // Messages that the reader has not answered yet. Not left to the flow control of Cap'n Proto's
  // streams, which counts bytes: a guest writes them one by one, and each message takes some KiB of
  // a host service on the way. What waits meanwhile goes with the next.
  static constexpr size_t kMostUnderWay = 4;

  // Both must outlive the pump.
  ConsolePump(vmm::Console& console, kj::UnixEventPort& port);
  KJ_DISALLOW_COPY(ConsolePump);

  // Sends to `reader` from now on, in place of any reader before.
  void Attach(rpc::ByteStream::Client reader);
  // The guest writes no more. The promise is fulfilled when the rest has been sent, and the stream
  // ended; at once where nobody reads. A reader that is attached later still gets what is left.
  [[nodiscard]] kj::Promise<void> Finish();

 private:
  // Bytes in one message: large enough that a flood costs few.
  static constexpr size_t kChunkBytes = size_t{32} << 10;

  // A moment that any number of promises wait for.
  struct Moment {
    Moment();
    kj::Own<kj::PromiseFulfiller<void>> fulfiller;
    kj::ForkedPromise<void> promise;
  };

  [[nodiscard]] kj::Promise<void> Run(rpc::ByteStream::Client reader);
  // Fulfilled when there is room for another.
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
  std::deque<kj::Promise<void>> under_way_;  // the oldest first
  kj::Promise<void> task_ = nullptr;         // the reader's; the last member, so that it goes first
};

}  // namespace mayfly::api
