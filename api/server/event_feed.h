#pragma once

#include <kj/async.h>

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "api/mayfly.capnp.h"
#include "api/server/listener_share.h"
#include "base/clock.h"
#include "vmm/exit_status.h"

namespace mayfly::api {

// A rpc::Event, but for the number that its feed gives it.
struct Event {
  Nanoseconds time{};  // MonotonicNow()
  rpc::EventKind kind = rpc::EventKind::DEVICE;
  std::string text;
  uint64_t machine = 0;  // for a Host's
  std::string name = {};
  uid_t owner = 0;                           // of that VM, for filters
  std::optional<vmm::ExitStatus> exit = {};  // with which it ended
};

// Numbers events, keeps the last of them, and tells them to listeners. A listener that is slow is
// told fewer, and how many it missed; it holds up nobody else, and no memory beyond what is kept.
//
// Threading: the thread of the connections.
class EventFeed final {
 public:
  static constexpr size_t kKept = 512;

  // Which events a listener is told of.
  using Filter = std::function<bool(const Event&)>;

  explicit EventFeed(size_t kept = kKept);
  KJ_DISALLOW_COPY(EventFeed);
  ~EventFeed();

  // Nothing needs to wait for those who listen: on one connection, whatever is sent later arrives
  // later, unless the listener is behind.
  void Add(Event event);
  // How many there were: the number of the last.
  [[nodiscard]] uint64_t count() const { return count_; }
  // Tells `listener` of the events with numbers above `since`, of those to come too, until it
  // fails; with a `filter`, of those alone that it takes. Until then it has a place in each of
  // `shares`. Errors: ResourceExhausted where one is full. Once half of a share is taken, those who
  // have it are asked now and then whether they are still there.
  [[nodiscard]] absl::Status Attach(rpc::EventListener::Client listener, ListenerShares shares,
                                    uint64_t since = 0, Filter filter = nullptr);

 private:
  class Subscription;

  // The number of the oldest that is kept.
  [[nodiscard]] uint64_t oldest() const { return count_ - kept_.size() + 1; }
  void DropThoseGone();
  void AskWhoIsThere(const ListenerShare& share);

  const size_t most_kept_;
  std::deque<Event> kept_;
  uint64_t count_ = 0;
  std::list<std::unique_ptr<Subscription>> subscriptions_;
};

}  // namespace mayfly::api
