#include <fcntl.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "jailer/policies/numbers.h"
#include "jailer/policies/policies.h"

namespace mayfly::jailer {
namespace {

// From the start of the guest on: the specification is read, the files that came with it are open,
// and every thread is there.
//
// clang-format off
constexpr Rule kRules[] = {
    {SYS_epoll_wait, {}, "waits for the client, the VM's threads and the timeout"},
    {SYS_epoll_ctl, {ARG(1, operation, EPOLL_CTL_ADD)}, "waits for room in the console's input"},

    {SYS_epoll_ctl, {ARG(1, operation, EPOLL_CTL_DEL)}, "a client has gone, others are left"},
    {SYS_accept4, {ARG(3, flags, SOCK_CLOEXEC | SOCK_NONBLOCK)}, "a client comes later: after its host's restart"},
    {SYS_getsockopt, {ARG(1, level, SOL_SOCKET), ARG(2, option, SO_ACCEPTCONN)}, "whether a socket for these listens"},
    {SYS_fcntl, {ARG(1, command, F_DUPFD_CLOEXEC)}, "keeps that socket, and what is left for these"},
    {SYS_sendmsg, {ARG(2, flags, 0)}, "gives them the files that were left for them"},
    {SYS_prctl, {ARG(0, option, PR_SET_PDEATHSIG), ARG64(1, signal, 0)}, "a detached VM outlives its starter"},

    {SYS_recvmsg, {ARG(2, flags, MSG_CMSG_CLOEXEC)}, "receives from the client"},
    {SYS_read, {}, "receives from the client, takes the count of an eventfd"},
    {SYS_writev, {}, "sends to the client"},
    {SYS_write, {}, "sends to the client, signals an eventfd, reports what went wrong"},
    {SYS_shutdown, {ARG(1, how, SHUT_WR)}, "tells the client that nothing more comes"},
    {SYS_close, {}, "closes the images that are loaded, and what a client sends with a call that takes no file"},

    {SYS_ioctl, {ARG(1, request, KVM_IRQ_LINE)}, "an interrupt: the serial port's, for console input; the power button's"},
    {SYS_ioctl, {ARG(1, request, KVM_KVMCLOCK_CTRL)}, "tells a guest that goes on that it was paused"},
    {SYS_tgkill, {ARG(2, signal, kKickSignal)}, "gets the vCPUs out of the guest when the VM ends, or is paused"},

    {SYS_futex, {ARG(1, operation, FUTEX_WAKE)}, "lets the other threads start (std::atomic)"},
    {SYS_futex, {ARG(1, operation, FUTEX_WAIT_PRIVATE)}, "waits for a mutex"},
    {SYS_futex, {ARG(1, operation, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME)}, "waits for the io thread, and for vCPUs to rest"},
    {SYS_futex, {ARG(1, operation, FUTEX_WAKE_PRIVATE)}, "lets go of a mutex, wakes a waiter"},
    {SYS_clock_gettime, {ARG(0, clock, CLOCK_MONOTONIC)}, "timers, on hosts whose clock the vDSO cannot read"},
    {SYS_clock_gettime, {ARG(0, clock, CLOCK_MONOTONIC_COARSE)}, "timers, on hosts without a vDSO"},
    {SYS_clock_gettime, {ARG(0, clock, CLOCK_PROCESS_CPUTIME_ID)}, "the VM's CPU time, for its statistics"},

    {SYS_brk, {}, "memory for messages"},
    {SYS_exit_group, {}, "the end of the VM, or the report of a violation of this policy"},
};
// clang-format on

}  // namespace

std::span<const Rule> ApiPolicy() { return kRules; }

}  // namespace mayfly::jailer
