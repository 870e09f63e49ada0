#pragma once

#include <linux/kvm.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_fd.h"
#include "base/guest_memory.h"
#include "base/owned_fd.h"
#include "vmm/kvm/irq_level.h"
#include "vmm/kvm/vcpu_fd.h"

namespace mayfly::vmm {

// A VM of KVM. The order of calls matters to KVM, and to speed: see the fast path in Machine.
// Thread-safe, as KVM is.
class Vm final {
 public:
  explicit Vm(OwnedFd fd) : fd_(std::move(fd)) {}

  // A memory slot for each region. Before any in-kernel device: a slot changed later waits for the
  // readers of KVM's buses (an SRCU grace period, about 6 ms).
  [[nodiscard]] absl::Status SetMemory(const GuestMemory& memory) const;

  // Where Intel's KVM keeps a task state segment and a page table for real mode (KVM_SET_TSS_ADDR,
  // KVM_SET_IDENTITY_MAP_ADDR): addresses that no RAM and no device uses. Before the first vCPU;
  // others ignore them.
  [[nodiscard]] absl::Status SetTssAddress(uint64_t address) const;
  [[nodiscard]] absl::Status SetIdentityMapAddress(uint64_t address) const;

  // KVM_ENABLE_CAP with one argument.
  [[nodiscard]] absl::Status EnableCapability(uint32_t capability, uint64_t argument) const;

  // Local APICs, IOAPIC and the PICs, in the kernel. Before the first vCPU.
  [[nodiscard]] absl::Status CreateIrqchip() const;
  // The i8254 timer, in the kernel, with a port 0x61 that does nothing.
  [[nodiscard]] absl::Status CreatePit() const;

  // `id`: also the initial APIC ID.
  [[nodiscard]] absl::StatusOr<VcpuFd> CreateVcpu(uint32_t id) const;

  // A guest's 4-byte write of `value` to `address` signals `event`, without an exit to this
  // process.
  [[nodiscard]] absl::Status AssignIoeventfd(const EventFd& event, uint64_t address,
                                             uint32_t value) const;
  [[nodiscard]] absl::Status SetIrqLine(uint32_t gsi, IrqLevel level) const;
  // Raises `gsi` for a moment: an edge. Not left to an irqfd: for a line of the I/O APIC, KVM hands
  // its signals to a kernel worker, one more thread to be woken before the guest is
  // (kvm_arch_set_irq_inatomic() of arch/x86/kvm takes MSIs alone).
  [[nodiscard]] absl::Status PulseIrqLine(uint32_t gsi) const;

 private:
  OwnedFd fd_;
};

}  // namespace mayfly::vmm
