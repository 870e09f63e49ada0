#pragma once

#include "api/host/vm.h"
#include "api/mayfly.capnp.h"
#include "api/server/event_feed.h"

namespace mayfly::api {

// Takes a VM's events into its host's. A VMM is not trusted: its sentences are cut to a length.
class VmListener final : public rpc::EventListener::Server {
 public:
  // `feed` must outlive it.
  VmListener(EventFeed& feed, const VmFacts& facts)
      : feed_(feed), machine_(facts.id), name_(facts.name), owner_(facts.owner) {}

 protected:
  kj::Promise<void> event(EventContext context) override;

 private:
  EventFeed& feed_;
  const uint64_t machine_;
  const std::string name_;
  const uid_t owner_;
};

// The event of a host's about `vm`, now.
[[nodiscard]] Event EventOf(const VmFacts& facts, rpc::EventKind kind, std::string text);

}  // namespace mayfly::api
