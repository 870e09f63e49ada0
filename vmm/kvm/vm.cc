#include "vmm/kvm/vm.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "vmm/kvm/kvm_call.h"

namespace mayfly::vmm {
namespace {

constexpr KvmRequest kSetUserMemoryRegion{KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION"};
constexpr KvmRequest kSetTssAddr{KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR"};
constexpr KvmRequest kSetIdentityMapAddr{KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR"};
constexpr KvmRequest kEnableCap{KVM_ENABLE_CAP, "KVM_ENABLE_CAP"};
constexpr KvmRequest kCreateIrqchip{KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP"};
constexpr KvmRequest kCreatePit2{KVM_CREATE_PIT2, "KVM_CREATE_PIT2"};
constexpr KvmRequest kCreateVcpu{KVM_CREATE_VCPU, "KVM_CREATE_VCPU"};
constexpr KvmRequest kIoeventfd{KVM_IOEVENTFD, "KVM_IOEVENTFD"};
constexpr KvmRequest kIrqLine{KVM_IRQ_LINE, "KVM_IRQ_LINE"};

}  // namespace

absl::Status Vm::SetMemory(const GuestMemory& memory) const {
  uint32_t slot = 0;
  for (const GuestMemory::Region& region : memory.regions()) {
    kvm_userspace_memory_region request{};
    request.slot = slot++;
    request.guest_phys_addr = region.range.address;
    request.memory_size = region.range.size;
    request.userspace_addr = std::bit_cast<uintptr_t>(region.host);
    MAYFLY_RETURN_IF_ERROR(
        Annotate(KvmDo(fd_.get(), kSetUserMemoryRegion, &request),
                 absl::StrCat("giving the VM ", region.range.size >> 20, " MiB of memory")));
  }
  return absl::OkStatus();
}

absl::Status Vm::SetTssAddress(uint64_t address) const {
  return KvmDo(fd_.get(), kSetTssAddr, address);
}

absl::Status Vm::SetIdentityMapAddress(uint64_t address) const {
  return KvmDo(fd_.get(), kSetIdentityMapAddr, &address);
}

absl::Status Vm::EnableCapability(uint32_t capability, uint64_t argument) const {
  kvm_enable_cap request{};
  request.cap = capability;
  request.args[0] = argument;
  return KvmDo(fd_.get(), kEnableCap, &request);
}

absl::Status Vm::CreateIrqchip() const { return KvmDo(fd_.get(), kCreateIrqchip, kNoArgument); }

absl::Status Vm::CreatePit() const {
  kvm_pit_config config{};
  config.flags = KVM_PIT_SPEAKER_DUMMY;
  return KvmDo(fd_.get(), kCreatePit2, &config);
}

absl::StatusOr<VcpuFd> Vm::CreateVcpu(uint32_t id) const {
  auto fd = KvmCall(fd_.get(), kCreateVcpu, uint64_t{id});
  if (!fd.ok()) return Annotate(fd.status(), absl::StrCat("creating vCPU ", id));
  return VcpuFd::Create(OwnedFd(*fd));
}

absl::Status Vm::AssignIoeventfd(const EventFd& event, uint64_t address, uint32_t value) const {
  kvm_ioeventfd request{};
  request.datamatch = value;
  request.addr = address;
  request.len = sizeof value;
  request.fd = event.fd();
  request.flags = KVM_IOEVENTFD_FLAG_DATAMATCH;
  return Annotate(KvmDo(fd_.get(), kIoeventfd, &request),
                  absl::StrCat("binding an event to address 0x", absl::Hex(address)));
}

absl::Status Vm::SetIrqLine(uint32_t gsi, IrqLevel level) const {
  kvm_irq_level request{};
  request.irq = gsi;
  request.level = static_cast<uint32_t>(level);
  return KvmDo(fd_.get(), kIrqLine, &request);
}

absl::Status Vm::PulseIrqLine(uint32_t gsi) const {
  MAYFLY_RETURN_IF_ERROR(SetIrqLine(gsi, IrqLevel::kHigh));
  return SetIrqLine(gsi, IrqLevel::kLow);
}

}  // namespace mayfly::vmm
