#include "base/timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "base/status.h"

namespace mayfly {

absl::StatusOr<Timer> Timer::Create() {
  OwnedFd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!fd.valid()) return ErrnoStatus("creating a timerfd");
  return Timer(std::move(fd));
}

void Timer::Set(Nanoseconds delay) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(delay);
  itimerspec when{};
  when.it_value.tv_sec = seconds.count();
  when.it_value.tv_nsec = (delay - seconds).count();
  ::timerfd_settime(fd_.get(), 0, &when, nullptr);
}

void Timer::Arm(Nanoseconds delay) const { Set(std::max(delay, Nanoseconds(1))); }

// All zero disarms (timerfd_settime(2)).
void Timer::Disarm() const { Set(Nanoseconds(0)); }

bool Timer::Drain() const {
  uint64_t expirations = 0;
  return ::read(fd_.get(), &expirations, sizeof expirations) == sizeof expirations;
}

}  // namespace mayfly
