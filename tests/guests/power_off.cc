// Ends by ACPI power-off.

#include "images/unikernel/power.h"

int main() { mayfly::guest::PowerOff(); }
