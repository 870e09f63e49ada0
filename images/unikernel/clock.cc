#include "images/unikernel/clock.h"

#include "images/unikernel/hypervisor.h"
#include "images/unikernel/ring_0.h"
#include "images/unikernel/timer.h"

namespace mayfly::guest {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

// Linux' Documentation/virt/kvm/x86/msr.rst: MSR_KVM_SYSTEM_TIME_NEW and what the host writes
// there.
constexpr uint32_t kSystemTimeMsr = 0x4b564d01;
constexpr uint64_t kSystemTimeOn = 1;
struct alignas(64) VcpuTimeInfo {
  uint32_t version;
  uint32_t reserved;
  uint64_t tsc_timestamp;
  uint64_t system_time;
  uint32_t tsc_to_system_mul;
  int8_t tsc_shift;
  uint8_t flags;
  uint16_t padding;
};

// kvmclock is switched on only to read the frequency: nanoseconds = (ticks << shift) * mul >> 32.
uint64_t FrequencyOfKvmClock() {
  static volatile VcpuTimeInfo info;
  Ring0WriteMsr(kSystemTimeMsr, reinterpret_cast<uint64_t>(&info) | kSystemTimeOn);
  const uint64_t mul = info.tsc_to_system_mul;
  // NOLINTNEXTLINE(bugprone-signed-char-misuse): a number, not a character
  const int shift = info.tsc_shift;
  Ring0WriteMsr(kSystemTimeMsr, 0);
  if (mul == 0) return 0;
  const uint64_t unshifted = (kNanosecondsPerSecond << 32) / mul;
  return shift < 0 ? unshifted << -shift : unshifted >> shift;
}

struct Reading {
  uint64_t ticks = 0;
  uint32_t timer = 0;
};

// Both counters at nearly the same time: of some attempts the one with the least in between.
Reading ReadBoth() {
  constexpr int kAttempts = 10;
  Reading best;
  uint64_t best_gap = UINT64_MAX;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const uint64_t before = Ticks();
    const uint32_t timer = TimerCount();
    const uint64_t gap = Ticks() - before;
    if (gap >= best_gap) continue;
    best = {.ticks = before + gap / 2, .timer = timer};
    best_gap = gap;
  }
  return best;
}

uint64_t MeasuredFrequency() {
  constexpr std::chrono::seconds kLongEnough{2};
  constexpr uint32_t kTimerTicks = 5'000'000;
  StartTimer(kLongEnough, nullptr);
  const Reading begin = ReadBoth();
  while (begin.timer - TimerCount() < kTimerTicks) asm volatile("pause");
  const Reading end = ReadBoth();
  StopTimer();
  return (end.ticks - begin.ticks) * TimerFrequency() / (begin.timer - end.timer);
}

uint64_t FindFrequency() {
  if (const uint64_t frequency = HypervisorTiming().tsc_hz; frequency != 0) return frequency;
  if (HypervisorHasKvmClock()) {
    if (const uint64_t frequency = FrequencyOfKvmClock(); frequency != 0) return frequency;
  }
  return MeasuredFrequency();
}

}  // namespace

uint64_t TicksPerSecond() {
  static const uint64_t frequency = FindFrequency();
  return frequency;
}

std::chrono::nanoseconds Now() {
  // Nanoseconds per tick as a 32.32 fixed-point number: a division each time would take a library
  // of its own.
  static const uint64_t nanoseconds_per_tick = (kNanosecondsPerSecond << 32) / TicksPerSecond();
  const auto now = static_cast<uint64_t>(Wide{Ticks()} * nanoseconds_per_tick >> 32);
  return std::chrono::nanoseconds{static_cast<int64_t>(now)};
}

void Spin(std::chrono::nanoseconds duration) {
  const std::chrono::nanoseconds end = Now() + duration;
  while (Now() < end) asm volatile("pause");
}

}  // namespace mayfly::guest
