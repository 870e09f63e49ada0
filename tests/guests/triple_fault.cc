// Ends by a triple fault.

#include "images/unikernel/power.h"

int main() { mayfly::guest::TripleFault(); }
