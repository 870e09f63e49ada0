#pragma once

#include <kj/async.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/mayfly.capnp.h"
#include "base/event_fd.h"

namespace mayfly::api {

// Carries what a VM's devices report to one listener. What nobody has listened to yet waits; its
// number is bounded by virtio::MmioTransport::kMaxEvents for each device.
//
// Threading: the api thread's, but for Inlet, which is for any thread.
class EventPump final : private kj::TaskSet::ErrorHandler {
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

  explicit EventPump(std::shared_ptr<Inlet> inlet) : inlet_(std::move(inlet)), sending_(*this) {}
  KJ_DISALLOW_COPY(EventPump);

  // Sends to `listener` from now on, in place of any before: first, what has waited.
  void Attach(rpc::EventListener::Client listener);
  // Sends what has come in, where somebody listens.
  void Pump();
  // The same, once; fulfilled when all has been sent to the listener, as far as it lets us: like
  // any stream, it takes what there is room for.
  [[nodiscard]] kj::Promise<void> Finish();

 private:
  void taskFailed(kj::Exception&& exception) override;

  const std::shared_ptr<Inlet> inlet_;
  kj::Maybe<rpc::EventListener::Client> listener_;
  kj::Canceler replaced_;  // the listener: what is under way to it
  kj::TaskSet sending_;    // the last member, so that it goes first
};

}  // namespace mayfly::api
