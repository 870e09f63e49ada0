#pragma once

#include <string_view>

namespace mayfly::init {

// Makes file descriptors 0, 1 and 2 the console, where the kernel has not: it cannot when /dev is
// empty.
void OpenConsole();

// Makes the terminal behind the console the controlling one of a session of ours, so that Ctrl-C
// and job control work. The session must be ours, not the command's: at the end of a session its
// terminal is hung up, and with that what was written last is lost. Needs /sys and /dev.
void TakeTerminal();

// One line on the console, with our name before it.
void Say(std::string_view message);

// The same, followed by what errno says went wrong.
void SayError(std::string_view message);

// Waits until all that was written has left the serial port.
void DrainConsole();

}  // namespace mayfly::init
