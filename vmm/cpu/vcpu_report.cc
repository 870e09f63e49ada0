#include "vmm/cpu/vcpu_report.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_format.h"
#include "base/checked.h"

namespace mayfly::vmm {
namespace {

// The longest instruction (Intel SDM 2A, 2.3.11).
constexpr size_t kMaxInstruction = 15;

std::string Hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    absl::StrAppendFormat(&text, " %02x", std::to_integer<unsigned>(byte));
  }
  return text;
}

std::string Instruction(const VcpuFd& vcpu, const GuestMemory& memory, uint64_t linear) {
  const auto physical = vcpu.Translate(linear);
  if (!physical.ok() || !*physical) return " (not mapped)";
  // As far as its page goes: the next one may be anywhere.
  const uint64_t in_page = kPageSize - **physical % kPageSize;
  const auto bytes = memory.Span(**physical, std::min<uint64_t>(kMaxInstruction, in_page));
  return bytes.ok() ? Hex(*bytes) : " (not in memory)";
}

// AMD's KVM resets a vCPU that had a triple fault, before anybody can look at it.
bool WasReset(const kvm_regs& regs, const kvm_sregs& sregs) {
  constexpr uint64_t kResetBase = 0xffff0000;
  constexpr uint64_t kResetVector = 0xfff0;
  return sregs.cs.base == kResetBase && regs.rip == kResetVector;
}

}  // namespace

std::string DescribeVcpu(const VcpuFd& vcpu, const GuestMemory& memory) {
  const auto regs = vcpu.Regs();
  const auto sregs = vcpu.Sregs();
  if (!regs.ok() || !sregs.ok()) return "registers: not available\n";
  if (WasReset(*regs, *sregs)) return "registers: lost, the CPU was reset\n";
  std::string text = absl::StrFormat(
      "rip %016x  rflags %08x  cs %04x (base %x, dpl %u, %s)\n"
      "rax %016x  rbx %016x  rcx %016x  rdx %016x\n"
      "rsi %016x  rdi %016x  rbp %016x  rsp %016x\n"
      "r8  %016x  r9  %016x  r10 %016x  r11 %016x\n"
      "r12 %016x  r13 %016x  r14 %016x  r15 %016x\n"
      "cr0 %08x  cr2 %016x  cr3 %016x  cr4 %08x  efer %x\n"
      "gdt %x+%x  idt %x+%x\n",
      regs->rip, regs->rflags, sregs->cs.selector, sregs->cs.base, sregs->cs.dpl,
      sregs->cs.l != 0 ? "64-bit" : "not 64-bit", regs->rax, regs->rbx, regs->rcx, regs->rdx,
      regs->rsi, regs->rdi, regs->rbp, regs->rsp, regs->r8, regs->r9, regs->r10, regs->r11,
      regs->r12, regs->r13, regs->r14, regs->r15, sregs->cr0, sregs->cr2, sregs->cr3, sregs->cr4,
      sregs->efer, sregs->gdt.base, sregs->gdt.limit, sregs->idt.base, sregs->idt.limit);
  const uint64_t base = sregs->cs.l != 0 ? 0 : sregs->cs.base;
  absl::StrAppendFormat(&text, "code%s\n", Instruction(vcpu, memory, base + regs->rip));
  return text;
}

std::string DescribeInternalError(const kvm_run& run) {
  if (run.internal.suberror != KVM_INTERNAL_ERROR_EMULATION) {
    return absl::StrFormat("KVM could not go on: internal error %u", run.internal.suberror);
  }
  std::string text = "KVM could not emulate an instruction of the guest";
  const auto& failure = run.emulation_failure;
  if (failure.ndata != 0 &&
      (failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0) {
    const auto bytes = std::as_bytes(std::span(failure.insn_bytes));
    text += ":" + Hex(bytes.first(std::min<size_t>(failure.insn_size, bytes.size())));
  }
  return text;
}

}  // namespace mayfly::vmm
