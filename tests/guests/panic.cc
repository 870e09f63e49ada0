// Ends by a panic: by default one of the program's own, with `fault` on the command line by what a
// null pointer leads to.

#include <cstdint>

#include "images/unikernel/command_line.h"
#include "images/unikernel/power.h"

int main() {
  if (mayfly::guest::HasOption("fault")) {
    volatile uint64_t offset = 8;  // as of a member of an object that is not there
    *reinterpret_cast<volatile uint64_t*>(offset) = 1;
  }
  mayfly::guest::Panic("guest panic: as asked");
}
