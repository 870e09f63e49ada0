#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "api/server/event_feed.h"
#include "base/clock.h"
#include "base/event_fd.h"

namespace mayfly::api {

// Where events come in from the threads of a VM, until the api thread takes them. Any thread.
class EventInlet final {
 public:
  // `wake` is signalled with each event.
  explicit EventInlet(std::shared_ptr<EventFd> wake) : wake_(std::move(wake)) {}

  void Report(rpc::EventKind kind, std::string text) {
    {
      const std::scoped_lock lock(mutex_);
      waiting_.push_back({.time = MonotonicNow(), .kind = kind, .text = std::move(text)});
    }
    wake_->Signal();
  }
  [[nodiscard]] std::vector<Event> Take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(waiting_, {});
  }

 private:
  const std::shared_ptr<EventFd> wake_;
  std::mutex mutex_;
  std::vector<Event> waiting_;  // guarded by mutex_
};

}  // namespace mayfly::api
