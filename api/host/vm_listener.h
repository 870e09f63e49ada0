#pragma once

#include <functional>
#include <utility>

#include "api/host/host_log.h"
#include "api/host/vm.h"
#include "api/mayfly.capnp.h"
#include "api/server/event_feed.h"
#include "virtio/rate/rate_limiter.h"

namespace mayfly::api {

// Hands a VM's events to its host. A VMM is not trusted: its sentences are cut to a length, and of
// what only the host can know it tells nothing. Nor do the events of one VM, however many, drive
// out those of the others.
class VmListener final : public rpc::EventListener::Server {
 public:
  // At once, and in a second: who pauses and resumes a VM in a loop makes more.
  static constexpr virtio::RateLimit kTold = {.per_second = 8, .burst = 64};

  // `vm` must outlive it.
  VmListener(Vm& vm, std::function<void(Event)> tell);

 protected:
  kj::Promise<void> event(EventContext context) override;

 private:
  Vm& vm_;
  const std::function<void(Event)> tell_;
  virtio::RateLimiter limiter_;
  uint64_t untold_ = 0;
};

// The event of a host's about `vm`, now.
[[nodiscard]] Event EventOf(const VmFacts& facts, rpc::EventKind kind, std::string text);
void LogEvent(LogLevel level, const Event& event);

}  // namespace mayfly::api
