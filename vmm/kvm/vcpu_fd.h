#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/owned_fd.h"
#include "vmm/kvm/cpuid_table.h"

namespace mayfly::vmm {

struct Msr {
  uint32_t index = 0;
  uint64_t value = 0;
};

// A vCPU of KVM with its run structure. One thread at a time, except where it says so.
class VcpuFd final {
 public:
  // Maps the run structure of `fd`, which KVM_CREATE_VCPU has answered.
  [[nodiscard]] static absl::StatusOr<VcpuFd> Create(OwnedFd fd);

  // KVM_RUN once: 0, or errno (EINTR and EAGAIN mean "again, unless the vCPU was told to stop").
  [[nodiscard]] int Run() const;
  // Makes Run() finish the access that the guest is at, and return at once with EINTR, now and
  // until WithdrawExit(). Any thread. A Run() that is in the guest meanwhile notices at its next
  // return to the host: send its thread a signal as well.
  void RequestExit() const;
  void WithdrawExit() const;
  // The structure that KVM explains exits in.
  [[nodiscard]] kvm_run& run() const;
  // All that KVM shares beyond it: where KVM_EXIT_IO has its data.
  [[nodiscard]] std::span<std::byte> shared() const { return shared_.bytes(); }

  [[nodiscard]] absl::Status SetCpuid(const CpuidTable& table) const;
  [[nodiscard]] absl::StatusOr<kvm_regs> Regs() const;
  [[nodiscard]] absl::Status SetRegs(const kvm_regs& regs) const;
  [[nodiscard]] absl::StatusOr<kvm_sregs> Sregs() const;
  [[nodiscard]] absl::Status SetSregs(const kvm_sregs& sregs) const;
  // Errors: InvalidArgument naming the first that KVM refused.
  [[nodiscard]] absl::Status SetMsrs(std::span<const Msr> msrs) const;
  [[nodiscard]] absl::StatusOr<kvm_lapic_state> Lapic() const;
  [[nodiscard]] absl::Status SetLapic(const kvm_lapic_state& lapic) const;
  [[nodiscard]] absl::StatusOr<kvm_mp_state> MpState() const;
  [[nodiscard]] absl::Status SetMpState(const kvm_mp_state& state) const;
  // The physical address behind a linear one, by the guest's page tables; nothing where it is not
  // mapped.
  [[nodiscard]] absl::StatusOr<std::optional<uint64_t>> Translate(uint64_t linear) const;
  // Tells a guest with a kvmclock that it did not run for a while, lest its watchdogs bark
  // (KVM_KVMCLOCK_CTRL). Does nothing for others. Any thread while no other is in Run().
  void TellOfPause() const;
  // Frequency of the guest's time stamp counter in kHz.
  [[nodiscard]] absl::StatusOr<uint32_t> TscKhz() const;

 private:
  VcpuFd(OwnedFd fd, Mapping shared) : fd_(std::move(fd)), shared_(std::move(shared)) {}
  OwnedFd fd_;
  Mapping shared_;
};

}  // namespace mayfly::vmm
