#pragma once

#include <chrono>
#include <string_view>

#include "images/unikernel/clock.h"

// What an attack finds out, told on the console for the test on the host.

namespace mayfly::hostile {

// Notes, and prints, what does not hold. Returns `holds`.
bool Expect(bool holds, std::string_view what);
[[nodiscard]] bool AllHeld();

// How the device took it, in a word or two: the last one counts.
void SetOutcome(std::string_view outcome);
[[nodiscard]] std::string_view Outcome();

// Longer than any device takes, so that what never comes is a failure and no hang.
inline constexpr std::chrono::seconds kPatience{20};

// Until `holds()` does; false where it does not.
template <typename Predicate>
[[nodiscard]] bool Await(Predicate holds) {
  const std::chrono::nanoseconds deadline = guest::Now() + kPatience;
  while (!holds()) {
    if (guest::Now() > deadline) return holds();
    asm volatile("pause");
  }
  return true;
}

}  // namespace mayfly::hostile
