#include "vmm/cpu/vcpu.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/checked.h"
#include "base/status.h"
#include "vmm/cpu/vcpu_report.h"

namespace mayfly::vmm {
namespace {

// Its handler does nothing: the signal only gets a thread out of KVM_RUN. The C library uses the
// first real-time signals for itself; SIGRTMIN is the first that it leaves.
int KickSignal() { return SIGRTMIN; }

void IgnoreKick(int /*signal*/) {}

}  // namespace

absl::Status Vcpu::PrepareProcess() {
  struct sigaction action {};
  action.sa_handler = IgnoreKick;
  if (::sigaction(KickSignal(), &action, nullptr) != 0) {
    return ErrnoStatus("installing the handler of the vCPU signal");
  }
  return absl::OkStatus();
}

void Vcpu::Board() {
  process_ = ::getpid();
  thread_ = ::gettid();
  self_ = ::pthread_self();
}

void Vcpu::Run() {
  Next next = HeedWish();
  bool has_run = false;
  while (next == Next::kGoOn && !stopping_.load(std::memory_order_acquire)) {
    const int error = fd_.Run();
    if (error == 0) {
      has_run = true;
      next = HandleExit();
    } else if (error == EINTR) {
      next = HeedWish();
    } else if (error == EAGAIN && index_ == 0 && !has_run) {
      // Others get this answer while they wait for their start-up. The boot CPU gets it when KVM
      // cannot make a thread that it wants to have beside it
      // (kvm_nx_huge_page_recovery_worker_start()), again and again.
      next = Fail(
          "KVM_RUN: KVM cannot start its thread: the host allows no more (raise ulimit -u, or "
          "pids.max of the cgroup)");
    } else if (error != EAGAIN) {
      next = Fail(absl::StrCat("KVM_RUN: ", std::strerror(error)));
    }
  }
  const std::scoped_lock lock(mutex_);
  running_ = false;
  changed_.notify_all();
}

Vcpu::Next Vcpu::HeedWish() {
  std::unique_lock lock(mutex_);
  while (wish_ == Wish::kPause) {
    running_ = false;
    changed_.notify_all();
    changed_.wait(lock);
  }
  running_ = true;
  return wish_ == Wish::kStop ? Next::kStop : Next::kGoOn;
}

// Under mutex_. A thread that kicks itself is not in the guest. Not by pthread_kill(3), which asks
// for the process's number each time.
void Vcpu::Kick() {
  if (running_ && ::pthread_equal(self_, ::pthread_self()) == 0) {
    ::syscall(SYS_tgkill, process_, thread_, KickSignal());
  }
}

void Vcpu::Stop() {
  const std::scoped_lock lock(mutex_);
  wish_ = Wish::kStop;
  stopping_.store(true, std::memory_order_release);
  // In this order: a thread that the signal does not find in the guest finds the request before it
  // enters.
  fd_.RequestExit();
  Kick();
  changed_.notify_all();
}

void Vcpu::Pause() {
  const std::scoped_lock lock(mutex_);
  if (wish_ != Wish::kRun) return;
  wish_ = Wish::kPause;
  fd_.RequestExit();
  Kick();
}

void Vcpu::AwaitPause() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !running_; });
}

void Vcpu::Resume() {
  const std::scoped_lock lock(mutex_);
  if (wish_ != Wish::kPause) return;
  fd_.TellOfPause();
  wish_ = Wish::kRun;
  fd_.WithdrawExit();
  changed_.notify_all();
}

Vcpu::Next Vcpu::HandleExit() {
  const kvm_run& run = fd_.run();
  switch (run.exit_reason) {
    case KVM_EXIT_IO:
      HandlePortIo();
      return Next::kGoOn;
    case KVM_EXIT_MMIO:
      HandleMmio();
      return Next::kGoOn;
    case KVM_EXIT_INTR:
    case KVM_EXIT_HLT:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
      return Next::kGoOn;
    case KVM_EXIT_SHUTDOWN:
      return End(ExitReason::kTripleFault,
                 absl::StrCat("the guest crashed: triple fault on vCPU ", index_, "\n",
                              DescribeVcpu(fd_, surroundings_.memory)));
    case KVM_EXIT_SYSTEM_EVENT:
      return HandleSystemEvent();
    case KVM_EXIT_FAIL_ENTRY:
      return Fail(absl::StrFormat("the CPU refused to enter the guest, for reason %#x",
                                  run.fail_entry.hardware_entry_failure_reason));
    case KVM_EXIT_INTERNAL_ERROR:
      return Fail(DescribeInternalError(run));
    default:
      return Fail(absl::StrCat("KVM left the guest for a reason that Mayfly does not know: ",
                               run.exit_reason));
  }
}

void Vcpu::HandlePortIo() {
  const auto& io = fd_.run().io;
  const std::span<std::byte> shared = fd_.shared();
  // String instructions bring several elements for one port. KVM keeps them within the area it
  // shares.
  const uint64_t bytes = uint64_t{io.size} * io.count;
  if (!RangeWithin(io.data_offset, bytes, shared.size())) return;
  std::span<std::byte> data = shared.subspan(io.data_offset, bytes);
  for (uint32_t i = 0; i < io.count; ++i) {
    const auto element = data.subspan(size_t{i} * io.size, io.size);
    if (io.direction == KVM_EXIT_IO_IN) {
      surroundings_.ports.Read(io.port, element);
    } else {
      surroundings_.ports.Write(io.port, element);
      // The write ended the VM: what follows it never happened.
      if (stopping_.load(std::memory_order_acquire)) return;
    }
  }
}

void Vcpu::HandleMmio() {
  auto& mmio = fd_.run().mmio;
  const auto data = std::as_writable_bytes(std::span(mmio.data))
                        .first(std::min<size_t>(mmio.len, sizeof mmio.data));
  if (mmio.is_write != 0) {
    surroundings_.mmio.Write(mmio.phys_addr, data);
  } else {
    surroundings_.mmio.Read(mmio.phys_addr, data);
  }
}

Vcpu::Next Vcpu::HandleSystemEvent() {
  const uint32_t type = fd_.run().system_event.type;
  switch (type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
      return End(ExitReason::kPowerOff, "the guest powered itself off");
    case KVM_SYSTEM_EVENT_RESET:
      return End(ExitReason::kReset, "the guest reset itself");
    case KVM_SYSTEM_EVENT_CRASH:
      return End(ExitReason::kGuestPanic, "the guest's kernel panicked; its console says why");
    default:
      return Fail(absl::StrCat("KVM reports a system event that Mayfly does not know: ", type));
  }
}

Vcpu::Next Vcpu::Fail(std::string_view problem) {
  return End(ExitReason::kInternalError, absl::StrCat(ToAbsl(problem), " (vCPU ", index_, ")\n",
                                                      DescribeVcpu(fd_, surroundings_.memory)));
}

Vcpu::Next Vcpu::End(ExitReason reason, std::string detail) {
  surroundings_.exits.Exit({.reason = reason, .detail = std::move(detail)});
  return Next::kStop;
}

}  // namespace mayfly::vmm
