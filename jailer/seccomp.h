#pragma once

#include "absl/status/status.h"
#include "jailer/thread_kind.h"

namespace mayfly::jailer {

// Whether a sanitizer's runtime is at work here, which makes system calls that no policy has.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

// Puts the calling thread, and no other, under the policy of its kind (jailer/policies/), for good,
// and gives up new privileges. Two system calls, neither of which the policy has: the second call
// of this on a thread is a violation. Call ReportViolations() first.
// Where kSanitized, it does nothing.
//
// Errors: InvalidArgument and others where this host's kernel has no seccomp filters. Threading:
// any thread, for itself.
[[nodiscard]] absl::Status InstallFilter(ThreadKind thread);

}  // namespace mayfly::jailer
