#pragma once

#include <string>

#include "api/mayfly.capnp.h"

namespace mayfly::api::testing {

// A client's end of a console, which takes all at once and keeps it.
class Screen final : public rpc::ByteStream::Server {
 public:
  // Both must outlive the screen; `ended`, where it is given, is set when no more will come.
  explicit Screen(std::string& text, bool* ended = nullptr) : text_(text), ended_(ended) {}

 protected:
  kj::Promise<void> write(WriteContext context) override {
    const auto bytes = context.getParams().getBytes();
    text_.append(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
    return kj::READY_NOW;
  }
  kj::Promise<void> end(EndContext) override {
    if (ended_ != nullptr) *ended_ = true;
    return kj::READY_NOW;
  }

 private:
  std::string& text_;
  bool* const ended_;
};

}  // namespace mayfly::api::testing
