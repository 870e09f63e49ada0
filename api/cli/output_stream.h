#pragma once

#include "api/cli/output_sink.h"
#include "api/mayfly.capnp.h"

namespace mayfly::cli {

// The guest's console output on its way to our standard output.
class OutputStream final : public rpc::ByteStream::Server {
 public:
  // `sink` must outlive the stream. `completed` is fulfilled when all has been written.
  OutputStream(OutputSink& sink, kj::Own<kj::PromiseFulfiller<void>> completed)
      : sink_(sink), completed_(kj::mv(completed)) {}
  KJ_DISALLOW_COPY(OutputStream);
  // Nothing more comes where somebody else has taken the console over.
  ~OutputStream() {
    if (completed_->isWaiting()) completed_->fulfill();
  }

 protected:
  kj::Promise<void> write(WriteContext context) override {
    const auto bytes = context.getParams().getBytes();
    return sink_.Write(std::as_bytes(std::span(bytes.begin(), bytes.size())));
  }
  kj::Promise<void> end(EndContext) override {
    completed_->fulfill();
    return kj::READY_NOW;
  }

 private:
  OutputSink& sink_;
  kj::Own<kj::PromiseFulfiller<void>> completed_;
};

}  // namespace mayfly::cli
