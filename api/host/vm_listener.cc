#include "api/host/vm_listener.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace mayfly::api {
namespace {

constexpr size_t kLongestText = 512;

}  // namespace

Event EventOf(const VmFacts& facts, rpc::EventKind kind, std::string text) {
  return {.time = MonotonicNow(),
          .kind = kind,
          .text = std::move(text),
          .machine = facts.id,
          .name = facts.name,
          .owner = facts.owner};
}

kj::Promise<void> VmListener::event(EventContext context) {
  const auto event = context.getParams().getEvent();
  const auto text = event.getText();
  feed_.Add({.time = Nanoseconds(static_cast<Nanoseconds::rep>(event.getNanoseconds())),
             .kind = event.getKind(),
             .text = std::string(text.cStr(), std::min(text.size(), kLongestText)),
             .machine = machine_,
             .name = name_,
             .owner = owner_});
  return kj::READY_NOW;
}

}  // namespace mayfly::api
