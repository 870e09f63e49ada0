// Rests until its power button is pressed, then ends with status 7. In place of a kernel that
// interprets ACPI's tables, it knows the line.

#include "images/unikernel/console.h"
#include "images/unikernel/interrupts.h"

namespace {

using namespace mayfly::guest;

constexpr unsigned kPowerButtonGsi = 3;
constexpr int kPressed = 7;
volatile bool pressed = false;

void Press(void* /*context*/) { pressed = true; }

}  // namespace

int main() {
  HandleGsi(kPowerButtonGsi, Press);
  Print("ready\n");
  while (!pressed) WaitForInterrupt();
  return kPressed;
}
