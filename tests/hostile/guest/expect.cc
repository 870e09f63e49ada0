#include "tests/hostile/guest/expect.h"

#include "images/unikernel/console.h"

namespace mayfly::hostile {
namespace {

// So that a device that fails all the time does not flood the console.
constexpr unsigned kMaxPrinted = 20;

unsigned failures = 0;
std::string_view outcome_told = "unharmed";

}  // namespace

bool Expect(bool holds, std::string_view what) {
  if (!holds && ++failures <= kMaxPrinted) guest::Print("failed: {}\n", what);
  return holds;
}

bool AllHeld() { return failures == 0; }

void SetOutcome(std::string_view outcome) { outcome_told = outcome; }
std::string_view Outcome() { return outcome_told; }

}  // namespace mayfly::hostile
