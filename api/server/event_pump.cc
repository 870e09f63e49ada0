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

void EventPump::Subscription::Send(const std::string& text) {
  auto request = listener_.eventRequest();
  request.setText(ToText(text));
  sending_.add(request.send());
}

void EventPump::Attach(rpc::EventListener::Client listener) {
  subscription_.emplace(kj::mv(listener));
  Pump();
}

void EventPump::Pump() {
  if (!subscription_ || subscription_->is_gone()) return;
  for (const std::string& text : inlet_->Take()) subscription_->Send(text);
}

}  // namespace mayfly::api
