#pragma once

#include <linux/sched.h>
#include <sys/types.h>

#include <span>

namespace mayfly::jailer {

// What runs in the new process; must not return.
using ChildMain = void (*)(void* argument);

// clone3(2) with CLONE_VM: `child_main(argument)` runs in a new process that shares our memory, on
// `stack`. libc has no wrapper for it, and its clone(2) cannot say CLONE_INTO_CGROUP or
// CLONE_CLEAR_SIGHAND.
//
// Returns the new process id, or -errno. `args.stack` and `args.stack_size` are set here.
[[nodiscard]] pid_t CloneInto(clone_args args, std::span<std::byte> stack, ChildMain child_main,
                              void* argument);

}  // namespace mayfly::jailer
