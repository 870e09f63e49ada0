#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"

namespace mayfly::jailer {

// What a seccomp filter answers for a system call (SECCOMP_RET_*), as the kernel would run it
// (Documentation/networking/filter.rst, seccomp(2)).
//
// Errors: InvalidArgument for what the kernel would refuse, such as a jump or load out of bounds or
// an end without an answer; Unimplemented for instructions that libseccomp has no use for.
[[nodiscard]] absl::StatusOr<uint32_t> EvaluateBpf(std::span<const sock_filter> program,
                                                   const seccomp_data& data);

}  // namespace mayfly::jailer
