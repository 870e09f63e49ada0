#pragma once

#include "absl/status/status.h"
#include "jailer/policies/numbers.h"
#include "jailer/thread_kind.h"

namespace mayfly::jailer {

// From now on, a system call that its thread's policy does not have ends the process with
// kViolationStatus, and with a line on standard error:
//
//   seccomp: thread io: system call openat (257)
//
// Once for the process, before the first InstallFilter(). Where it was not called, or SIGSYS is
// blocked, the kernel kills the process without a word. Errors: those of sigaction(2).
[[nodiscard]] absl::Status ReportViolations();

// What the line calls the calling thread.
void NameThreadForViolations(ThreadKind thread);

}  // namespace mayfly::jailer
