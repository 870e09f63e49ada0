#include "api/client/paced_messages.h"

namespace mayfly::api {

kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> PacedMessages::tryReadMessage(
    kj::ArrayPtr<kj::AutoCloseFd> fd_space, capnp::ReaderOptions options,
    kj::ArrayPtr<capnp::word> scratch) {
  if (queued_() <= kMostQueued) return messages_.tryReadMessage(fd_space, options, scratch);
  auto written = kj::newPromiseAndFulfiller<void>();
  waiting_ = kj::mv(written.fulfiller);
  return written.promise.then([this, fd_space, options, scratch] {
    // What has been written is counted as queued until those have had their turn who wrote it.
    return kj::evalLast(
        [this, fd_space, options, scratch] { return tryReadMessage(fd_space, options, scratch); });
  });
}

kj::Promise<void> PacedMessages::writeMessage(
    kj::ArrayPtr<const int> fds, kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
  return messages_.writeMessage(fds, segments).then([this] { Wake(); });
}

kj::Promise<void> PacedMessages::writeMessages(
    kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) {
  return messages_.writeMessages(messages).then([this] { Wake(); });
}

void PacedMessages::Wake() {
  if (waiting_.get() == nullptr) return;
  waiting_->fulfill();
  waiting_ = nullptr;
}

}  // namespace mayfly::api
