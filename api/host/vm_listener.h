#pragma once

#include <functional>
#include <utility>

#include "api/host/host_log.h"
#include "api/host/vm.h"
#include "api/mayfly.capnp.h"
#include "api/server/event_feed.h"

namespace mayfly::api {

// Hands a VM's events to its host. A VMM is not trusted: its sentences are cut to a length, and of
// what only the host can know it tells nothing.
class VmListener final : public rpc::EventListener::Server {
 public:
  VmListener(std::function<void(Event)> tell, const VmFacts& facts)
      : tell_(std::move(tell)), machine_(facts.id), name_(facts.name), owner_(facts.owner) {}

 protected:
  kj::Promise<void> event(EventContext context) override;

 private:
  const std::function<void(Event)> tell_;
  const uint64_t machine_;
  const std::string name_;
  const uid_t owner_;
};

// The event of a host's about `vm`, now.
[[nodiscard]] Event EventOf(const VmFacts& facts, rpc::EventKind kind, std::string text);
void LogEvent(LogLevel level, const Event& event);

}  // namespace mayfly::api
