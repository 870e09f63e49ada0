#pragma once

#include <linux/seccomp.h>

#include <string>

#include "jailer/policies/rule.h"

namespace mayfly::jailer {

// Whether `rule` is one for `call`, a system call of x86-64.
[[nodiscard]] bool Covers(const Rule& rule, const seccomp_data& call);

// A call that `rule` is for. The bits that it does not care about are ones.
[[nodiscard]] seccomp_data CallFor(const Rule& rule);

// "futex, operation is `FUTEX_WAKE`: lets the other threads start", for people.
[[nodiscard]] std::string Describe(const Rule& rule);

}  // namespace mayfly::jailer
