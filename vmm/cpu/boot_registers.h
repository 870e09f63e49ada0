#pragma once

#include "absl/status/status.h"
#include "base/guest_memory.h"
#include "vmm/boot/boot_params.h"
#include "vmm/kvm/vcpu_fd.h"

namespace mayfly::vmm {

// The GDT that the boot registers name, which the Linux boot protocol wants in memory as well.
[[nodiscard]] absl::Status WriteBootGdt(const GuestMemory& memory);

// Puts the first vCPU where `entry` begins, in the mode that it asks for.
[[nodiscard]] absl::Status SetBootRegisters(const VcpuFd& vcpu, const BootEntry& entry);

// What firmware leaves in each CPU's model-specific registers.
[[nodiscard]] absl::Status SetBootMsrs(const VcpuFd& vcpu);

}  // namespace mayfly::vmm
