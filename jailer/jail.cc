#include "jailer/jail.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "jailer/vfork_into.h"
#include "jailer/vm_ids.h"

namespace mayfly::jailer {
namespace {

// A VM's own, always: numbers of processes are how they are killed.
constexpr uint64_t kOwnNamespaces = CLONE_NEWPID;
constexpr uint64_t kSharedFlags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
constexpr std::array kSharedPaths = {"/proc/self/ns/mnt", "/proc/self/ns/net", "/proc/self/ns/ipc",
                                     "/proc/self/ns/uts"};
static_assert(kSharedPaths.size() == kSharedNamespaces);

// Making and entering namespaces, roots, other users, emptying the bounding set; and ending what is
// another user's, which goes for PR_SET_PDEATHSIG, too.
constexpr std::array kNeeded = {CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SETUID,
                                CAP_SETGID,    CAP_SETPCAP,    CAP_KILL};

// Of the pid namespace that a host boots with (PROC_PID_INIT_INO in the kernel's proc_ns.h). In
// another one, the numbers of processes, and so of users (vm_ids.h), can be those of a neighbour.
constexpr ino_t kInitialPidNamespace = 0xeffffffc;

[[nodiscard]] bool HasCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  return std::ranges::all_of(kNeeded, [&](unsigned capability) {
    return (sets.at(CAP_TO_INDEX(capability)).effective & CAP_TO_MASK(capability)) != 0;
  });
}

[[nodiscard]] bool FileMapsVmIds(const char* path) {
  const OwnedFd file(::open(path, O_RDONLY | O_CLOEXEC));
  // One line for each range, of which there can be 340 (user_namespaces(7)); the whole of the
  // numbers, or a few ranges, is usual.
  std::array<char, 4096> text{};
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  return length > 0 && MapsVmIds({text.data(), static_cast<size_t>(length)});
}

[[nodiscard]] bool HasHostsProcessNumbers() {
  struct stat pids {};
  return ::stat("/proc/self/ns/pid", &pids) == 0 && pids.st_ino == kInitialPidNamespace;
}

[[nodiscard]] bool MayGiveIds() {
  return HasCapabilities() && HasHostsProcessNumbers() && FileMapsVmIds("/proc/self/uid_map") &&
         FileMapsVmIds("/proc/self/gid_map");
}

// Shared by the maker of namespaces and the process it makes them in, which run one after the
// other (CLONE_VFORK) with the same open files.
struct Preparation {
  std::array<int, kSharedNamespaces> namespaces = {-1, -1, -1, -1};
  const char* failed_step = nullptr;
  int error = 0;
};

// How many System V and POSIX objects there can be in an ipc namespace: none in a shared one, where
// they would be for all VMs, and stay.
struct Setting {
  const char* path;
  std::string_view none;
};
constexpr std::array kIpcSettings = {
    Setting{"/proc/sys/kernel/shmmni", "0"}, Setting{"/proc/sys/kernel/msgmni", "0"},
    Setting{"/proc/sys/kernel/sem", "1 1 1 0"}, Setting{"/proc/sys/fs/mqueue/queues_max", "0"}};

[[nodiscard]] bool AllowNoIpc() {
  return std::ranges::all_of(kIpcSettings, [](const Setting& setting) {
    const int file = ::open(setting.path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return errno == ENOENT;  // a kernel without them
    const bool written = ::write(file, setting.none.data(), setting.none.size()) > 0;
    const int error = errno;
    ::close(file);  // these are the starter's descriptors
    errno = error;
    return written;
  });
}

[[nodiscard]] const char* Prepare(Preparation& preparation) {
  if (::unshare(kSharedFlags) != 0) return "making namespaces";
  if (!AllowNoIpc()) return "allowing no System V and POSIX objects (in /proc/sys)";
  for (size_t i = 0; i < kSharedNamespaces; ++i) {
    int& fd = preparation.namespaces.at(i);
    fd = ::open(kSharedPaths.at(i), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return "holding a namespace (of /proc/self/ns)";
  }
  return EmptyNamespaces();
}

void PreparingProcessMain(void* argument) {
  Preparation& preparation = *static_cast<Preparation*>(argument);
  preparation.failed_step = Prepare(preparation);
  preparation.error = errno;
  ::_exit(0);
}

}  // namespace

Jail Jail::ForOne() {
  Jail jail;
  jail.entry_.clone_flags = kOwnNamespaces | kSharedFlags;
  jail.entry_.has_own_ids = MayGiveIds();
  if (!jail.entry_.has_own_ids) jail.entry_.clone_flags |= CLONE_NEWUSER;
  return jail;
}

absl::StatusOr<Jail> Jail::ForMany() {
  Jail jail = ForOne();
  if (jail.rootless()) return jail;

  Preparation preparation;
  clone_args args{};
  args.flags = CLONE_FILES;
  const pid_t pid = VforkInto(args, &PreparingProcessMain, &preparation);
  if (pid < 0) return ErrnoStatus("making a process to prepare the jail", -pid);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  for (size_t i = 0; i < kSharedNamespaces; ++i) {
    jail.namespaces_.at(i) = OwnedFd(preparation.namespaces.at(i));
  }
  if (preparation.failed_step != nullptr) {
    return ErrnoStatus(absl::StrCat("preparing the jail: ", preparation.failed_step),
                       preparation.error);
  }
  jail.entry_.clone_flags = kOwnNamespaces;
  jail.entry_.namespaces = preparation.namespaces;
  return jail;
}

}  // namespace mayfly::jailer
