// Both boot marks: the runtime writes 0x40 with its first instruction, this program 0x41.

#include "images/unikernel/power.h"

int main() {
  mayfly::guest::Mark(mayfly::guest::BootMark::kUserSpaceReached);
  return 0;
}
