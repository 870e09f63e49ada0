#pragma once

#include "absl/status/status.h"
#include "jailer/sanitized.h"
#include "jailer/thread_kind.h"

namespace mayfly::jailer {

// Puts the calling thread, and no other, under the policy of its kind (jailer/policies/), for good,
// and gives up new privileges. Two system calls, neither of which the policy has: the second call
// of this on a thread is a violation. Call ReportViolations() first.
// Where kSanitized, it does nothing.
//
// Errors: InvalidArgument and others where this host's kernel has no seccomp filters. Threading:
// any thread, for itself.
[[nodiscard]] absl::Status InstallFilter(ThreadKind thread);

}  // namespace mayfly::jailer
