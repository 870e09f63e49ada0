#pragma once

#include <span>

#include "jailer/policies/rule.h"
#include "jailer/thread_kind.h"

namespace mayfly::jailer {

// What each thread may ask of the kernel once the guest runs. Everything else ends the VM (see
// jailer/violation.h). Constant; any thread.
[[nodiscard]] std::span<const Rule> ApiPolicy();
[[nodiscard]] std::span<const Rule> IoPolicy();
[[nodiscard]] std::span<const Rule> VcpuPolicy();

[[nodiscard]] std::span<const Rule> PolicyOf(ThreadKind thread);

}  // namespace mayfly::jailer
