#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "jailer/policies/numbers.h"
#include "jailer/policies/policies.h"

namespace mayfly::jailer {
namespace {

// Far more than the fourteen system calls that are aimed at: one policy serves disks by system
// calls and by io_uring, taps and passt, and each of these has calls of its own for moving the same
// bytes. No VM uses all of them.
//
// io_uring_enter(2) lets the kernel do what stands in the ring, which a filter does not see: which
// operations those may be, each ring knows by itself (virtio/block/disk/uring.cc).
//
// clang-format off
constexpr Rule kRules[] = {
    {SYS_epoll_wait, {}, "waits for kicks, packets, timers and work"},
    {SYS_epoll_ctl, {ARG(1, operation, EPOLL_CTL_ADD)}, "goes on receiving; waits until passt takes more"},
    {SYS_epoll_ctl, {ARG(1, operation, EPOLL_CTL_DEL)}, "stops receiving while the guest has no room"},
    {SYS_timerfd_settime, {ARG(1, flags, 0)}, "wakes it when a limit lets more through"},

    {SYS_read, {ARG64(2, count, sizeof(eventfd_t))}, "takes the count of an eventfd or timer"},
    {SYS_write, {}, "signals an eventfd, sends a packet to a tap, reports a violation of this policy"},
    {SYS_ioctl, {ARG(1, request, KVM_IRQ_LINE)}, "a device's interrupt"},

    {SYS_preadv2, {ARG(5, flags, 0)}, "reads a disk"},
    {SYS_preadv2, {ARG(5, flags, RWF_NOWAIT)}, "reads what the host has of a disk in its cache"},
    {SYS_pwritev2, {ARG(5, flags, 0)}, "writes a disk"},
    {SYS_pwritev2, {ARG(5, flags, RWF_DSYNC)}, "writes a disk durably"},
    {SYS_pwritev2, {ARG(5, flags, RWF_NOWAIT)}, "finds out whether writes may have to wait"},
    {SYS_fdatasync, {}, "flushes a disk"},
    {SYS_fallocate, {ARG(1, mode, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)}, "discards"},
    {SYS_fallocate, {ARG(1, mode, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)}, "writes zeroes"},
    {SYS_ioctl, {ARG(1, request, BLKDISCARD)}, "discards on a block device"},
    {SYS_io_uring_enter, {ARG(3, flags, 0), ARG64(4, sig, 0)}, "hands disk requests over"},
    {SYS_io_uring_enter, {ARG(3, flags, IORING_ENTER_GETEVENTS), ARG64(4, sig, 0)}, "waits for them"},
    {SYS_lseek, {ARG(2, whence, SEEK_END)}, "the new size of a disk that was resized"},

    {SYS_writev, {}, "sends a packet in pieces to a tap"},
    {SYS_readv, {}, "receives a packet from a tap"},
    {SYS_ioctl, {ARG(1, request, TUNSETOFFLOAD)}, "what the guest's driver takes from a tap"},
    {SYS_ioctl, {ARG(1, request, TUNSETQUEUE)}, "as many queues of a tap as the guest's driver uses"},
    {SYS_sendmsg, {ARG(2, flags, MSG_DONTWAIT | MSG_NOSIGNAL)}, "sends a packet to passt"},
    {SYS_recvmsg, {ARG(2, flags, MSG_DONTWAIT)}, "receives a packet from passt"},

    {SYS_fcntl, {ARG(1, command, F_OFD_SETLK)}, "unlocks a disk when the VM ends"},
    {SYS_close, {}, "closes disks and networks when the VM ends"},
    {SYS_munmap, {}, "gives the ring of a disk back when the VM ends", Answer::kFeign},

    {SYS_futex, {ARG(1, operation, FUTEX_WAIT)}, "waits for the start (std::atomic)"},
    {SYS_futex, {ARG(1, operation, FUTEX_WAKE)}, "says that it is under this policy (std::atomic)"},
    {SYS_futex, {ARG(1, operation, FUTEX_WAIT_PRIVATE)}, "waits for a mutex"},
    {SYS_futex, {ARG(1, operation, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME)}, "waits while the VM is paused"},
    {SYS_futex, {ARG(1, operation, FUTEX_WAKE_PRIVATE)}, "lets go of a mutex, wakes a waiter"},
    {SYS_sched_yield, {}, "waits for the start, and for what cannot be waited for"},
    {SYS_clock_gettime, {ARG(0, clock, CLOCK_MONOTONIC)}, "limits, on hosts whose clock the vDSO cannot read"},

    {SYS_brk, {}, "memory for requests"},
    {SYS_rt_sigprocmask, {}, "the end of a thread whose VM came to nothing: no handler is in its way", Answer::kFeign},
    {SYS_madvise, {ARG(2, advice, MADV_DONTNEED)}, "the end of the thread gives its stack back", Answer::kFeign},
    {SYS_exit, {}, "the end of the thread"},
    {SYS_exit_group, {ARG(0, status, kViolationStatus)}, "reports a violation of this policy"},
};
// clang-format on

}  // namespace

std::span<const Rule> IoPolicy() { return kRules; }

}  // namespace mayfly::jailer
