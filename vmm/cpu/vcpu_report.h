#pragma once

#include <linux/kvm.h>

#include <string>

#include "base/guest_memory.h"
#include "vmm/kvm/vcpu_fd.h"

namespace mayfly::vmm {

// The registers of a vCPU that has stopped, and the bytes at its instruction pointer: lines of text
// for a report.
[[nodiscard]] std::string DescribeVcpu(const VcpuFd& vcpu, const GuestMemory& memory);

// What a KVM_EXIT_INTERNAL_ERROR says, in a sentence.
[[nodiscard]] std::string DescribeInternalError(const kvm_run& run);

}  // namespace mayfly::vmm
