// Stops its CPU with interrupts masked: nothing inside ends it or wakes it.

#include "images/unikernel/power.h"

#include "images/unikernel/console.h"

int main() {
  mayfly::guest::Print("halting\n");
  mayfly::guest::Halt();
}
