// Ends by a reset.

#include "images/unikernel/power.h"

int main() { mayfly::guest::Reset(); }
