#pragma once

#include <kj/async.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/mayfly.capnp.h"
#include "base/event_fd.h"

namespace mayfly::api {

// Carries what a VM's devices report to one listener. What nobody has listened to yet waits; its
// number is bounded by virtio::MmioTransport::kMaxEvents for each device.
//
// Threading: the api thread's, but for Inlet, which is for any thread.
class EventPump final {
 public:
  // Where events come in. Outlives the pump where a thread of the VM does.
  class Inlet {
   public:
    // `wake` is signalled with each event.
    explicit Inlet(std::shared_ptr<EventFd> wake) : wake_(std::move(wake)) {}
    void Report(std::string text);
    [[nodiscard]] std::vector<std::string> Take();

   private:
    const std::shared_ptr<EventFd> wake_;
    std::mutex mutex_;
    std::vector<std::string> waiting_;  // guarded by mutex_
  };

  explicit EventPump(std::shared_ptr<Inlet> inlet) : inlet_(std::move(inlet)) {}
  KJ_DISALLOW_COPY(EventPump);

  // Sends to `listener` from now on, in place of any before: first, what has waited.
  void Attach(rpc::EventListener::Client listener);
  // Sends what has come in, where somebody listens. Nothing needs to wait for it: on one
  // connection, whatever is sent later arrives later.
  void Pump();

 private:
  // One listener, and what is under way to it, which goes with it: failing late, it must not cost
  // the next one its place.
  class Subscription final : private kj::TaskSet::ErrorHandler {
   public:
    explicit Subscription(rpc::EventListener::Client listener)
        : listener_(kj::mv(listener)), sending_(*this) {}
    KJ_DISALLOW_COPY(Subscription);

    void Send(const std::string& text);
    // Whether it has failed: nobody is to be told, and the VM goes on.
    [[nodiscard]] bool is_gone() const { return is_gone_; }

   private:
    void taskFailed(kj::Exception&& /*exception*/) override { is_gone_ = true; }

    rpc::EventListener::Client listener_;
    bool is_gone_ = false;
    kj::TaskSet sending_;  // the last member, so that it goes first
  };

  const std::shared_ptr<Inlet> inlet_;
  std::optional<Subscription> subscription_;
};

}  // namespace mayfly::api
