#pragma once

#include <linux/sched.h>
#include <sys/types.h>

namespace mayfly::jailer {

// What runs in the new process; must not return.
using ChildMain = void (*)(void* argument);

// clone3(2) as vfork(2): `child_main(argument)` runs in a new process that shares our memory, on a
// stack of its own of 64 KiB, without our signal handlers, and ends with SIGCHLD; the calling
// thread stands still until it has executed a program or ended. `args` adds flags and what belongs
// to them. libc has no wrapper for clone3, and its clone(2) cannot say CLONE_INTO_CGROUP or
// CLONE_CLEAR_SIGHAND.
//
// Returns the new process id, or -errno.
[[nodiscard]] pid_t VforkInto(clone_args args, ChildMain child_main, void* argument);

}  // namespace mayfly::jailer
