#pragma once

#include "absl/status/status.h"

namespace mayfly::jailer {

// The version of the kernel's landlock; 0 where it has none, or it is switched off (before Linux
// 5.13, or not in lsm=).
[[nodiscard]] int LandlockAbi();

// From now on, the calling thread and those that it makes can open, make, remove, rename and
// execute no file, whoever they are, and, as far as the kernel knows how (ABI 4 and 6), neither
// bind nor connect TCP sockets, nor reach abstract Unix sockets and processes outside. What is open
// stays open. (Documentation/userspace-api/landlock.rst)
//
// Call it before other threads are made. Does nothing where LandlockAbi() is 0. Errors: those of
// the system calls. It needs no_new_privs, which it sets.
[[nodiscard]] absl::Status ForsakeFiles();

}  // namespace mayfly::jailer
