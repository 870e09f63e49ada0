#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/timer.h"
#include "virtio/rate/rate_limiter.h"

namespace mayfly::virtio {

// A RateLimiter on the io loop: who is refused is called when another try is worth it, at that very
// moment (a timerfd, not a tick).
//
// Threading: all on the io thread; creation and destruction as EventLoop::Watch() and RunSync().
class RateGate final {
  class Passkey {
    friend class RateGate;
    Passkey() = default;
  };

 public:
  // `on_open` is called on the io thread, once after each run of refusals. `io` outlives the gate.
  // Errors: those of timerfd_create(2) and epoll_ctl(2).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<RateGate>> Create(
      const RateLimits& limits, EventLoop& io, std::function<void()> on_open);
  RateGate(Passkey, const RateLimits& limits, EventLoop& io, Timer timer,
           std::function<void()> on_open);
  RateGate(const RateGate&) = delete;
  RateGate& operator=(const RateGate&) = delete;
  ~RateGate();

  // True: go on, it is paid for. False: `on_open` comes when it may be admitted.
  [[nodiscard]] bool Admit(uint64_t bytes);
  // As a refusal that is over in the next turn of the loop: for who has had enough in this one.
  void Yield();
  // Nobody waits any more: no `on_open` until the next refusal.
  void Forget();
  // New limits from now on (RateLimiter::Update()). Whoever waits is called at once, and may be
  // refused again.
  void Update(const RateLimits& limits);

 private:
  void Await(Nanoseconds delay);
  void OnTimer();
  void Open();

  EventLoop& io_;
  const Timer timer_;
  const std::function<void()> on_open_;
  RateLimiter limiter_;
  bool awaited_ = false;  // somebody was refused
};

}  // namespace mayfly::virtio
