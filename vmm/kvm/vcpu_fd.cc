#include "vmm/kvm/vcpu_fd.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <new>

#include "absl/strings/str_format.h"
#include "base/status.h"
#include "vmm/kvm/counted_list.h"
#include "vmm/kvm/kvm_call.h"

namespace mayfly::vmm {
namespace {

constexpr KvmRequest kSetCpuid2{kSetCpuid2Number, "KVM_SET_CPUID2"};
constexpr KvmRequest kGetRegs{KVM_GET_REGS, "KVM_GET_REGS"};
constexpr KvmRequest kSetRegs{KVM_SET_REGS, "KVM_SET_REGS"};
constexpr KvmRequest kGetSregs{KVM_GET_SREGS, "KVM_GET_SREGS"};
constexpr KvmRequest kSetSregs{KVM_SET_SREGS, "KVM_SET_SREGS"};
constexpr KvmRequest kSetMsrs{kSetMsrsNumber, "KVM_SET_MSRS"};
constexpr KvmRequest kGetLapic{KVM_GET_LAPIC, "KVM_GET_LAPIC"};
constexpr KvmRequest kSetLapic{KVM_SET_LAPIC, "KVM_SET_LAPIC"};
constexpr KvmRequest kGetMpState{KVM_GET_MP_STATE, "KVM_GET_MP_STATE"};
constexpr KvmRequest kSetMpState{KVM_SET_MP_STATE, "KVM_SET_MP_STATE"};
constexpr KvmRequest kTranslate{KVM_TRANSLATE, "KVM_TRANSLATE"};
constexpr KvmRequest kKvmclockCtrl{KVM_KVMCLOCK_CTRL, "KVM_KVMCLOCK_CTRL"};
constexpr KvmRequest kGetTscKhz{KVM_GET_TSC_KHZ, "KVM_GET_TSC_KHZ"};

// The run structure and the page of port I/O data behind it. What KVM_GET_VCPU_MMAP_SIZE counts
// beyond them is for coalesced MMIO, which is not used here: so the question, a system call in
// every start, need not be asked.
constexpr size_t kSharedSize = 2 * size_t{4096};

constexpr size_t kMaxMsrs = 8;

// A kvm_msrs.
struct MsrList {
  CountedList header;
  std::array<kvm_msr_entry, kMaxMsrs> entries{};
};
static_assert(offsetof(MsrList, entries) == sizeof(CountedList));

template <typename State>
absl::StatusOr<State> Get(int fd, const KvmRequest& request) {
  State state{};
  MAYFLY_RETURN_IF_ERROR(KvmDo(fd, request, &state));
  return state;
}

}  // namespace

absl::StatusOr<VcpuFd> VcpuFd::Create(OwnedFd fd) {
  auto shared = Mapping::Shared(fd.get(), 0, kSharedSize);
  if (!shared.ok()) return Annotate(shared.status(), "the run structure of a vCPU");
  return VcpuFd(std::move(fd), *std::move(shared));
}

int VcpuFd::Run() const { return ::ioctl(fd_.get(), KVM_RUN, kNoArgument) == 0 ? 0 : errno; }

void VcpuFd::RequestExit() const {
  std::atomic_ref(run().immediate_exit).store(1, std::memory_order_release);
}

void VcpuFd::WithdrawExit() const {
  std::atomic_ref(run().immediate_exit).store(0, std::memory_order_release);
}

kvm_run& VcpuFd::run() const { return *std::launder(reinterpret_cast<kvm_run*>(shared_.data())); }

absl::Status VcpuFd::SetCpuid(const CpuidTable& table) const {
  return KvmDo(fd_.get(), kSetCpuid2, table.argument());
}

absl::StatusOr<kvm_regs> VcpuFd::Regs() const { return Get<kvm_regs>(fd_.get(), kGetRegs); }

absl::Status VcpuFd::SetRegs(const kvm_regs& regs) const {
  return KvmDo(fd_.get(), kSetRegs, &regs);
}

absl::StatusOr<kvm_sregs> VcpuFd::Sregs() const { return Get<kvm_sregs>(fd_.get(), kGetSregs); }

absl::Status VcpuFd::SetSregs(const kvm_sregs& sregs) const {
  return KvmDo(fd_.get(), kSetSregs, &sregs);
}

absl::Status VcpuFd::SetMsrs(std::span<const Msr> msrs) const {
  MsrList list;
  if (msrs.size() > list.entries.size()) return absl::InternalError("too many MSRs in one call");
  for (size_t i = 0; i < msrs.size(); ++i) {
    list.entries[i].index = msrs[i].index;
    list.entries[i].data = msrs[i].value;
  }
  list.header.count = static_cast<uint32_t>(msrs.size());
  MAYFLY_ASSIGN_OR_RETURN(const int done, KvmCall(fd_.get(), kSetMsrs, &list));
  if (static_cast<size_t>(done) == msrs.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat("KVM_SET_MSRS: this host's KVM refuses MSR %#x",
                                                    msrs[static_cast<size_t>(done)].index));
}

absl::StatusOr<kvm_lapic_state> VcpuFd::Lapic() const {
  return Get<kvm_lapic_state>(fd_.get(), kGetLapic);
}

absl::Status VcpuFd::SetLapic(const kvm_lapic_state& lapic) const {
  return KvmDo(fd_.get(), kSetLapic, &lapic);
}

absl::StatusOr<kvm_mp_state> VcpuFd::MpState() const {
  return Get<kvm_mp_state>(fd_.get(), kGetMpState);
}

absl::Status VcpuFd::SetMpState(const kvm_mp_state& state) const {
  return KvmDo(fd_.get(), kSetMpState, &state);
}

absl::StatusOr<std::optional<uint64_t>> VcpuFd::Translate(uint64_t linear) const {
  kvm_translation translation{};
  translation.linear_address = linear;
  MAYFLY_RETURN_IF_ERROR(KvmDo(fd_.get(), kTranslate, &translation));
  if (translation.valid == 0) return std::nullopt;
  return translation.physical_address;
}

void VcpuFd::TellOfPause() const {
  // EINVAL where the guest has not set a kvmclock up.
  [[maybe_unused]] const absl::Status told = KvmDo(fd_.get(), kKvmclockCtrl, kNoArgument);
}

absl::StatusOr<uint32_t> VcpuFd::TscKhz() const {
  MAYFLY_ASSIGN_OR_RETURN(const int khz, KvmCall(fd_.get(), kGetTscKhz, kNoArgument));
  return static_cast<uint32_t>(khz);
}

}  // namespace mayfly::vmm
