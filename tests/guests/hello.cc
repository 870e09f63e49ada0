// The smallest program: a greeting, and exit status 0.

#include "images/unikernel/console.h"

int main() {
  mayfly::guest::Print("Hello from a Mayfly guest\n");
  return 0;
}
