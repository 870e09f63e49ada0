#pragma once

#include "absl/status/status.h"

namespace mayfly::jailer {

// Whether the calling process is in a jail as Spawn() makes them (jail.h): the first process of its
// pid namespace, without a capability, in a root that is empty and read-only. Three system calls,
// since a VM's start waits for them; new privileges are renounced with the first filter in any case
// (seccomp.h).
//
// Errors: FailedPrecondition, naming what is not so.
[[nodiscard]] absl::Status CheckJailed();

}  // namespace mayfly::jailer
