#pragma once

#include <linux/filter.h>

#include <span>
#include <string_view>

#include "jailer/thread_kind.h"

// What policy_compiler.cc makes of jailer/policies/ when Mayfly is built: data, so that libseccomp
// is no part of a VMM, and a start does not wait for it. Constant; any thread, and within signal
// handlers.

namespace mayfly::jailer {

// The policy of a thread, for seccomp(2): what it does not have is SECCOMP_RET_TRAP, and what was
// called as on another architecture SECCOMP_RET_KILL_PROCESS.
[[nodiscard]] std::span<const sock_filter> FilterOf(ThreadKind thread);

// "openat" for 257; "unknown" for a number that is no system call of x86-64.
[[nodiscard]] std::string_view SystemCallName(int number);

}  // namespace mayfly::jailer
