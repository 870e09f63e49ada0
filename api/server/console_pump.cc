#include "api/server/console_pump.h"

#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mayfly::api {
namespace {

constexpr uint16_t kWrite = 0;  // the method's number in the schema

[[nodiscard]] std::string LossNotice(uint64_t dropped) {
  if (dropped == 0) return {};
  return absl::StrCat("\r\n[mayfly: ", dropped, " bytes of console output were lost here]\r\n");
}

}  // namespace

ConsolePump::Moment::Moment() : promise(nullptr) {
  auto pair = kj::newPromiseAndFulfiller<void>();
  fulfiller = std::move(pair.fulfiller);
  promise = pair.promise.fork();
}

ConsolePump::ConsolePump(vmm::Console& console, kj::UnixEventPort& port)
    : console_(console),
      observer_(port, console.output_ready().fd(), kj::UnixEventPort::FdObserver::OBSERVE_READ) {}

void ConsolePump::Attach(rpc::ByteStream::Client reader) {
  has_reader_ = true;
  task_ = nullptr;
  under_way_.clear();
  // A reader that fails has gone: nobody is to be told, and the VM goes on.
  task_ = Run(std::move(reader))
              .catch_([](kj::Exception&&) {})
              .then([this] { ReaderIsDone(); })
              .eagerlyEvaluate(nullptr);
}

void ConsolePump::ReaderIsDone() {
  has_reader_ = false;
  if (finished_) drained_.fulfiller->fulfill();
}

kj::Promise<void> ConsolePump::Finish() {
  finished_ = true;
  finish_.fulfiller->fulfill();
  if (!has_reader_) drained_.fulfiller->fulfill();
  return drained_.promise.addBranch();
}

kj::Promise<void> ConsolePump::Run(rpc::ByteStream::Client reader) {
  console_.output_ready().Drain();
  const vmm::Console::Output output = console_.ReadOutput(chunk_);
  if (output.bytes != 0 || output.dropped != 0) {
    auto sent = Send(reader, output.bytes, output.dropped);
    return sent.then(
        [this, reader = std::move(reader)]() mutable { return Run(std::move(reader)); });
  }
  if (finished_) {
    // What was written before it arrives before it: nobody needs to wait for the answer. But the
    // writes that are under way must not go, where a client or a host service on the way there
    // takes that for a wish to cancel them.
    auto ended = reader.endRequest().send().ignoreResult();
    ended.attach(std::move(reader), std::exchange(under_way_, {})).detach([](kj::Exception&&) {});
    return kj::READY_NOW;
  }
  return observer_.whenBecomesReadable()
      .exclusiveJoin(finish_.promise.addBranch())
      .then([this, reader = std::move(reader)]() mutable { return Run(std::move(reader)); });
}

kj::Promise<void> ConsolePump::Send(rpc::ByteStream::Client& reader, size_t bytes,
                                    uint64_t dropped) {
  const std::string notice = LossNotice(dropped);
  // As an ordinary call, whose answer can be waited for.
  auto request = reader.typelessRequest(capnp::typeId<rpc::ByteStream>(), kWrite, nullptr);
  auto data = request.initAs<rpc::ByteStream::WriteParams>().initBytes(
      static_cast<capnp::uint>(notice.size() + bytes));
  std::memcpy(data.begin(), notice.data(), notice.size());
  std::memcpy(data.begin() + notice.size(), chunk_.data(), bytes);
  under_way_.push_back(request.send().ignoreResult());
  if (under_way_.size() < kMostUnderWay) return kj::READY_NOW;
  kj::Promise<void> oldest = kj::mv(under_way_.front());
  under_way_.pop_front();
  return oldest;
}

}  // namespace mayfly::api
