// Ends the machine with the status that `status=N` on the command line asks for; 42 without it.

#include "images/unikernel/command_line.h"
#include "images/unikernel/console.h"

int main() {
  using namespace mayfly::guest;
  const uint64_t status = ParseNumber(OptionValue("status").value_or("42")).value_or(UINT64_MAX);
  if (status > UINT8_MAX) {
    Print("status=N takes a number up to 255\n");
    return 255;
  }
  return static_cast<int>(status);
}
