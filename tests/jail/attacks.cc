#include "tests/jail/attacks.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/kvm.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace mayfly::testing {
namespace {

constexpr size_t kPage = 4096;
constexpr int kKey = 0x4d46;  // of System V objects
alignas(kPage) std::array<char, kPage> page;

long Connect(int family, const sockaddr* address, socklen_t size) {
  const auto fd = static_cast<int>(::syscall(SYS_socket, family, SOCK_STREAM, 0));
  return fd < 0 ? fd : ::syscall(SYS_connect, fd, address, size);
}

long ConnectTcp(const Target& target) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.tcp_port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return Connect(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

long ConnectAbstract(const Target& target) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string_view name = target.socket;
  name.copy(&address.sun_path[1], sizeof address.sun_path - 1);
  return Connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&address),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size()));
}

long ReadMemoryOf(const Target& target) {
  const iovec local{.iov_base = page.data(), .iov_len = 1};
  const iovec remote = local;
  return ::syscall(SYS_process_vm_readv, target.host_process, &local, 1, &remote, 1, 0);
}

long CountEventsOfTheKernel(const Target&) {
  perf_event_attr event{};
  event.type = PERF_TYPE_SOFTWARE;
  event.size = sizeof event;
  event.config = PERF_COUNT_SW_CONTEXT_SWITCHES;
  return ::syscall(SYS_perf_event_open, &event, -1, 0, -1, 0);
}

long LoadProgram(const Target&) {
  bpf_attr program{};
  program.prog_type = BPF_PROG_TYPE_KPROBE;
  return ::syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof program);
}

long MoreFiles(const Target&) {
  const rlimit wanted{.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
  return ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &wanted, nullptr);
}

long BorrowMemory(const Target& target) {
  kvm_userspace_memory_region slot{};
  return ::syscall(SYS_ioctl, target.kvm, KVM_SET_USER_MEMORY_REGION, &slot);
}

#define DO(...) [](const Target& target [[maybe_unused]]) -> long { return __VA_ARGS__; }

constexpr std::array kAttacks = {
    Attack{"open a file", "openat", DO(::syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY))},
    Attack{"create a file", "openat",
           DO(::syscall(SYS_openat, AT_FDCWD, "/left", O_CREAT | O_WRONLY, 0666))},
    Attack{"open a file in the old way", "open", DO(::syscall(SYS_open, "/etc/passwd", O_RDONLY))},
    Attack{"open by handle", "open_by_handle_at",
           DO(::syscall(SYS_open_by_handle_at, AT_FDCWD, nullptr, O_RDONLY))},
    Attack{"look a file up", "newfstatat",
           DO(::syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", page.data(), 0))},
    Attack{"make a file in memory", "memfd_create", DO(::syscall(SYS_memfd_create, "x", 0))},
    Attack{"run a program", "execve", DO(::syscall(SYS_execve, "/bin/sh", nullptr, nullptr))},
    Attack{"run a program by descriptor", "execveat",
           DO(::syscall(SYS_execveat, 1, "", nullptr, nullptr, AT_EMPTY_PATH))},
    Attack{"fork", "fork", DO(::syscall(SYS_fork))},
    Attack{"clone", "clone", DO(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0))},
    Attack{"clone in the new way", "clone3", DO(::syscall(SYS_clone3, page.data(), 88))},
    Attack{"make a socket", "socket", DO(::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0))},
    Attack{"make a raw socket", "socket", DO(::syscall(SYS_socket, AF_INET, SOCK_RAW, 1))},
    Attack{"connect to the host", "socket", ConnectTcp},
    Attack{"connect to an abstract socket", "socket", ConnectAbstract},
    Attack{"make a socket pair", "socketpair",
           DO(::syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, page.data()))},
    Attack{"trace a process", "ptrace",
           DO(::syscall(SYS_ptrace, PTRACE_SEIZE, target.host_process, 0, 0))},
    Attack{"read a process", "process_vm_readv", ReadMemoryOf},
    Attack{"kill a process", "kill", DO(::syscall(SYS_kill, target.host_process, 0))},
    Attack{"kill all", "kill", DO(::syscall(SYS_kill, -1, 0))},
    Attack{"hold a process", "pidfd_open", DO(::syscall(SYS_pidfd_open, target.host_process, 0))},
    Attack{"take a descriptor", "pidfd_getfd", DO(::syscall(SYS_pidfd_getfd, 1, 0, 0))},
    Attack{"mount", "mount", DO(::syscall(SYS_mount, "none", "/", "tmpfs", 0, nullptr))},
    Attack{"unmount", "umount2", DO(::syscall(SYS_umount2, "/", MNT_DETACH))},
    Attack{"change the root", "chroot", DO(::syscall(SYS_chroot, "/"))},
    Attack{"turn the root", "pivot_root", DO(::syscall(SYS_pivot_root, "/", "/"))},
    Attack{"leave a namespace", "unshare", DO(::syscall(SYS_unshare, CLONE_NEWNS))},
    Attack{"make a user namespace", "unshare", DO(::syscall(SYS_unshare, CLONE_NEWUSER))},
    Attack{"enter a namespace", "setns", DO(::syscall(SYS_setns, 1, 0))},
    Attack{"load a kernel program", "bpf", LoadProgram},
    Attack{"watch the kernel", "perf_event_open", CountEventsOfTheKernel},
    Attack{"handle page faults", "userfaultfd", DO(::syscall(SYS_userfaultfd, 0))},
    Attack{"use a keyring", "keyctl",
           DO(::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1))},
    Attack{"leave a key", "add_key",
           DO(::syscall(SYS_add_key, "user", "left", "x", 1, KEY_SPEC_USER_KEYRING))},
    Attack{"make a ring", "io_uring_setup", DO(::syscall(SYS_io_uring_setup, 1, page.data()))},
    Attack{"make a VM", "ioctl", DO(::syscall(SYS_ioctl, target.kvm, KVM_CREATE_VM, 0))},
    Attack{"give a VM other memory", "ioctl", BorrowMemory},
    Attack{"type into a terminal", "ioctl", DO(::syscall(SYS_ioctl, 0, TIOCSTI, page.data()))},
    Attack{"make memory executable", "mprotect",
           DO(::syscall(SYS_mprotect, page.data(), kPage, PROT_READ | PROT_EXEC))},
    Attack{"map executable memory", "mmap",
           DO(::syscall(SYS_mmap, nullptr, kPage, PROT_READ | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))},
    Attack{"leave shared memory", "shmget", DO(::syscall(SYS_shmget, kKey, 1, IPC_CREAT | 0666))},
    Attack{"leave a semaphore", "semget", DO(::syscall(SYS_semget, kKey, 1, IPC_CREAT | 0666))},
    Attack{"leave a message", "msgget", DO(::syscall(SYS_msgget, kKey, IPC_CREAT | 0666))},
    Attack{"leave a POSIX queue", "mq_open",
           DO(::syscall(SYS_mq_open, "left", O_CREAT | O_RDWR, 0666, nullptr))},
    Attack{"leave a host name", "sethostname", DO(::syscall(SYS_sethostname, "left", 4))},
    Attack{"become root", "setuid", DO(::syscall(SYS_setuid, 0))},
    Attack{"raise a limit", "prlimit64", MoreFiles},
    Attack{"take its filter off", "seccomp",
           DO(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, nullptr))},
    Attack{"run as another system would", "personality", DO(::syscall(SYS_personality, 0))},
    Attack{"load a module", "init_module", DO(::syscall(SYS_init_module, nullptr, 0, ""))},
    Attack{"switch the host off", "reboot",
           DO(::syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
                        LINUX_REBOOT_CMD_CAD_OFF, nullptr))},
};

#undef DO

}  // namespace

std::span<const Attack> AllAttacks() { return kAttacks; }

}  // namespace mayfly::testing
