#include "api/server/event_pump.h"

#include <utility>

#include "api/codec/text.h"

namespace mayfly::api {

void EventPump::Inlet::Report(std::string text) {
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back(std::move(text));
  }
  wake_->Signal();
}

std::vector<std::string> EventPump::Inlet::Take() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(waiting_, {});
}

void EventPump::Attach(rpc::EventListener::Client listener) {
  // The earlier one must neither hold up the end nor, failing late, cost the new one its place.
  replaced_.cancel("another listener has taken over");
  listener_ = kj::mv(listener);
  Pump();
}

void EventPump::Pump() {
  KJ_IF_MAYBE (listener, listener_) {
    for (const std::string& text : inlet_->Take()) {
      auto request = listener->eventRequest();
      request.setText(ToText(text));
      // A listener that fails has gone: nobody is to be told, and the VM goes on.
      sending_.add(
          replaced_.wrap(request.send().catch_([this](kj::Exception&&) { listener_ = nullptr; })));
    }
  }
}

kj::Promise<void> EventPump::Finish() {
  Pump();
  return sending_.onEmpty();
}

void EventPump::taskFailed(kj::Exception&& /*exception*/) {
  // What was under way to a listener that has been replaced.
}

}  // namespace mayfly::api
