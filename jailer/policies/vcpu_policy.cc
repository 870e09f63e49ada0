#include <fcntl.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "jailer/policies/numbers.h"
#include "jailer/policies/policies.h"

namespace mayfly::jailer {
namespace {

// clang-format off
constexpr Rule kRules[] = {
    {SYS_ioctl, {ARG(1, request, KVM_RUN), ARG64(2, argument, 0)}, "runs the guest"},
    {SYS_ioctl, {ARG(1, request, KVM_IRQ_LINE)}, "the serial port's interrupt"},
    {SYS_ioctl, {ARG(1, request, KVM_GET_REGS)}, "describes a crash of the guest"},
    {SYS_ioctl, {ARG(1, request, KVM_GET_SREGS)}, "describes a crash of the guest"},
    {SYS_ioctl, {ARG(1, request, KVM_TRANSLATE)}, "finds the instruction that the guest crashed at"},

    {SYS_write, {ARG64(2, count, sizeof(eventfd_t))}, "signals an eventfd: console output, the end, the io thread"},
    {SYS_write, {ARG(0, fd, STDERR_FILENO)}, "reports a violation of this policy"},

    {SYS_futex, {ARG(1, operation, FUTEX_WAIT)}, "waits for the start (std::atomic)"},
    {SYS_futex, {ARG(1, operation, FUTEX_WAKE)}, "says that it is under this policy (std::atomic)"},
    {SYS_futex, {ARG(1, operation, FUTEX_WAIT_PRIVATE)}, "waits for a mutex"},
    {SYS_futex, {ARG(1, operation, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME)}, "waits for the io thread, and while the VM is paused"},
    {SYS_futex, {ARG(1, operation, FUTEX_WAKE_PRIVATE)}, "lets go of a mutex, wakes a waiter"},
    {SYS_sched_yield, {}, "waits for the start a little before it sleeps"},
    {SYS_clock_gettime, {ARG(0, clock, CLOCK_MONOTONIC)}, "the timeline, on hosts whose clock the vDSO cannot read"},

    {SYS_tgkill, {ARG(2, signal, kKickSignal)}, "gets the other vCPUs out of the guest at the end"},
    {SYS_rt_sigprocmask, {}, "the end of the thread: no handler is in its way", Answer::kFeign},
    {SYS_rt_sigreturn, {}, "returns from the handler of the signal that got it out of the guest"},

    {SYS_brk, {}, "memory for messages"},
    {SYS_madvise, {ARG(2, advice, MADV_DONTNEED)}, "the end of the thread gives its stack back", Answer::kFeign},
    {SYS_exit, {}, "the end of the thread"},
    {SYS_exit_group, {ARG(0, status, kViolationStatus)}, "reports a violation of this policy"},
};
// clang-format on

}  // namespace

std::span<const Rule> VcpuPolicy() { return kRules; }

}  // namespace mayfly::jailer
