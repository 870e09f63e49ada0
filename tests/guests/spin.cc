// Keeps its CPU busy for ever, with interrupts masked: nothing inside ends it.

#include "images/unikernel/console.h"

int main() {
  mayfly::guest::Print("spinning\n");
  while (true) asm volatile("");
}
