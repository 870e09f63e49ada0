// Writes to the serial console without end or pause.

#include "images/unikernel/console.h"

int main() {
  while (true)
    mayfly::guest::Write("a flood of words that nobody asked for and nobody can read as fast\n");
}
