#pragma once

#include <capnp/capability.h>

#include <memory>
#include <utility>

#include "api/codec/rpc_status.h"

namespace mayfly::api {

// How many calls of one connection are in progress: each takes some of the service's memory until
// it is answered, a wait for a VM's end too.
//
// Threading: one thread.
class CallLimit final {
 public:
  using Result = capnp::Capability::Server::DispatchCallResult;

  static constexpr unsigned kMost = 10'000;
  // Of Host.list, whose answers can be long.
  static constexpr unsigned kMostLists = 64;

  explicit CallLimit(unsigned most = kMost) : most_(most), now_(std::make_shared<unsigned>(0)) {}

  // What `dispatch` answers, counted until its promise is gone; an error beyond the limit.
  template <typename Dispatch>
  [[nodiscard]] Result Count(Dispatch&& dispatch) {
    if (*now_ >= most_) return {ToException(Exceeded()), /*isStreaming=*/false};
    ++*now_;
    auto done = kj::defer([now = now_] { --*now; });
    Result result = std::forward<Dispatch>(dispatch)();
    return {result.promise.attach(kj::mv(done)), result.isStreaming};
  }

 private:
  [[nodiscard]] absl::Status Exceeded() const;

  const unsigned most_;
  const std::shared_ptr<unsigned> now_;
};

}  // namespace mayfly::api
