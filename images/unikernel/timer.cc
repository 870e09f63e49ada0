#include "images/unikernel/timer.h"

#include <algorithm>
#include <cstdint>

#include "images/unikernel/hypervisor.h"
#include "images/unikernel/layout.h"
#include "images/unikernel/local_apic.h"

namespace mayfly::guest {
namespace {

constexpr uint64_t kUsualFrequency = 1'000'000'000;
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

// Intel SDM volume 3, 11.5.4: how the divider is encoded.
constexpr uint32_t kDivideBy1 = 0b1011;
constexpr uint32_t kDivideBy128 = 0b1010;
constexpr uint64_t kCoarseDivider = 128;

}  // namespace

uint64_t TimerFrequency() {
  static const uint64_t frequency = HypervisorTiming().apic_timer_hz;
  return frequency == 0 ? kUsualFrequency : frequency;
}

void StartTimer(std::chrono::nanoseconds duration, InterruptHandler handler, void* context) {
  HandleVector(MAYFLY_VECTOR_TIMER, handler, context);
  // Whole seconds apart, so that the product fits into 64 bits.
  const auto nanoseconds = static_cast<uint64_t>(std::max<int64_t>(duration.count(), 1));
  const uint64_t seconds = std::min<uint64_t>(nanoseconds / kNanosecondsPerSecond, UINT16_MAX);
  uint64_t count = seconds * TimerFrequency() +
                   nanoseconds % kNanosecondsPerSecond * TimerFrequency() / kNanosecondsPerSecond;
  uint32_t divider = kDivideBy1;
  if (count > UINT32_MAX) {
    divider = kDivideBy128;
    count = std::min<uint64_t>(count / kCoarseDivider, UINT32_MAX);
  }
  WriteLocalApic(LocalApicRegister::kTimerDivider, divider);
  WriteLocalApic(LocalApicRegister::kTimerVector, MAYFLY_VECTOR_TIMER);
  WriteLocalApic(LocalApicRegister::kTimerInitialCount,
                 static_cast<uint32_t>(std::max<uint64_t>(count, 1)));
}

void StopTimer() { WriteLocalApic(LocalApicRegister::kTimerInitialCount, 0); }

uint32_t TimerCount() { return ReadLocalApic(LocalApicRegister::kTimerCurrentCount); }

void Sleep(std::chrono::nanoseconds duration) {
  const InterruptMask mask;
  bool over = false;
  StartTimer(
      duration, [](void* context) { *static_cast<bool*>(context) = true; }, &over);
  while (!*const_cast<volatile bool*>(&over)) WaitForInterrupt();
}

}  // namespace mayfly::guest
