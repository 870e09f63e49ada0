// Timer interrupts: a few at rest, then one that interrupts a busy program, which finds its
// registers unchanged.

#include "images/unikernel/timer.h"

#include <chrono>
#include <cstdint>

#include "images/unikernel/clock.h"
#include "images/unikernel/console.h"

namespace {

using namespace mayfly::guest;
using std::chrono::milliseconds;

constexpr int kTicks = 5;
volatile int ticks = 0;

void Tick(void* /*context*/) { ticks = ticks + 1; }

// Counts in integer and floating-point registers until the tick comes. Returns whether they agree
// at the end.
bool CountUntilTick() {
  const int before = ticks;
  uint64_t count = 0;
  double floating_count = 0;
  while (ticks == before) {
    ++count;
    floating_count += 1;
  }
  return count > 0 && static_cast<double>(count) == floating_count;
}

}  // namespace

int main() {
  for (int tick = 0; tick < kTicks; ++tick) {
    const std::chrono::nanoseconds begin = Now();
    StartTimer(milliseconds{2}, Tick);
    while (ticks == tick) WaitForInterrupt();
    if (Now() - begin < milliseconds{1}) {
      Print("tick {} came after {} ns\n", tick, (Now() - begin).count());
      return 1;
    }
  }
  Print("{} ticks at rest\n", kTicks);

  UnmaskInterrupts();
  StartTimer(milliseconds{2}, Tick);
  if (!CountUntilTick()) return 1;
  MaskInterrupts();
  Print("1 tick at work\n");
  return 0;
}
