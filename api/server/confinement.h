#pragma once

#include "absl/status/status.h"
#include "vmm/machine_config.h"

namespace mayfly::api {

// What a VMM does to itself, so that a guest which takes it over finds little. Built with a
// sanitizer, whose runtime opens files and asks the kernel for anything at any time, it does less.

// The process: it opens no file any more (landlock, where the kernel has it), nobody of its user
// may trace it, its heap needs no mmap(2), and a violation of a thread's policy will be told.
// Before another thread is made. Errors: those of jailer/.
[[nodiscard]] absl::Status ConfineProcess();
// The calling thread: a seccomp policy of its own (jailer/policies/), none with a sanitizer. A
// vmm::ThreadSetup.
[[nodiscard]] absl::Status FilterThread(vmm::ThreadRole role);

}  // namespace mayfly::api
