#pragma once

#include <capnp/serialize-async.h>
#include <kj/async-io.h>
#include <kj/function.h>

namespace mayfly::api {

// The messages of a connection to somebody who is not trusted. As long as too much waits to be
// written to him, none is read of his: who takes no answers gets no further ones, and they take no
// more of our memory.
//
// Threading: that of the stream.
class PacedMessages final : public capnp::MessageStream {
 public:
  static constexpr size_t kMostQueued = size_t{1} << 20;

  // `queued`: how many bytes wait to be written, which is TwoPartyVatNetwork's to know. It is asked
  // before each message is read.
  PacedMessages(kj::AsyncCapabilityStream& stream, kj::Function<size_t()> queued)
      : messages_(stream), queued_(kj::mv(queued)) {}

  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(
      kj::ArrayPtr<kj::AutoCloseFd> fd_space, capnp::ReaderOptions options,
      kj::ArrayPtr<capnp::word> scratch) override;
  kj::Promise<void> writeMessage(
      kj::ArrayPtr<const int> fds,
      kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override;
  kj::Promise<void> writeMessages(
      kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override;
  kj::Maybe<int> getSendBufferSize() override { return messages_.getSendBufferSize(); }
  kj::Promise<void> end() override { return messages_.end(); }

 private:
  void Wake();

  capnp::AsyncCapabilityMessageStream messages_;
  kj::Function<size_t()> queued_;
  kj::Own<kj::PromiseFulfiller<void>> waiting_;  // a read; none where none waits
};

}  // namespace mayfly::api
