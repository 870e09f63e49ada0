#include "virtio/rate/rate_gate.h"

#include <utility>

#include "base/clock.h"
#include "base/status.h"

namespace mayfly::virtio {

absl::StatusOr<std::unique_ptr<RateGate>> RateGate::Create(const RateLimits& limits, EventLoop& io,
                                                           std::function<void()> on_open) {
  MAYFLY_ASSIGN_OR_RETURN(Timer timer, Timer::Create());
  auto gate =
      std::make_unique<RateGate>(Passkey(), limits, io, std::move(timer), std::move(on_open));
  RateGate* const raw = gate.get();
  MAYFLY_RETURN_IF_ERROR(io.Watch(raw->timer_.fd(), [raw] { raw->OnTimer(); }));
  return gate;
}

RateGate::RateGate(Passkey, const RateLimits& limits, EventLoop& io, Timer timer,
                   std::function<void()> on_open)
    : io_(io),
      timer_(std::move(timer)),
      on_open_(std::move(on_open)),
      limiter_(limits, MonotonicNow()) {}

RateGate::~RateGate() {
  io_.RunSync([this] { io_.Unwatch(timer_.fd()); });
}

bool RateGate::Admit(uint64_t bytes) {
  if (!limiter_.limited()) return true;
  const Nanoseconds wait = limiter_.Admit(bytes, MonotonicNow());
  if (wait == Nanoseconds(0)) return true;
  Await(wait);
  return false;
}

void RateGate::Yield() { Await(Nanoseconds(0)); }

void RateGate::Await(Nanoseconds delay) {
  timer_.Arm(delay);
  awaited_ = true;
}

void RateGate::Forget() {
  if (std::exchange(awaited_, false)) timer_.Disarm();
}

void RateGate::Update(const RateLimits& limits) {
  limiter_.Update(limits, MonotonicNow());
  if (!awaited_) return;
  timer_.Disarm();
  Open();
}

void RateGate::OnTimer() {
  if (timer_.Drain()) Open();
}

void RateGate::Open() {
  if (std::exchange(awaited_, false)) on_open_();
}

}  // namespace mayfly::virtio
