#include "jailer/spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/owned_fd.h"
#include "base/status.h"
#include "jailer/vfork_into.h"

namespace mayfly::jailer {
namespace {

[[nodiscard]] absl::Status Check(const SpawnOptions& options) {
  if (options.program < 0) return absl::InvalidArgumentError("spawn: no program is open");
  if (options.arguments.empty()) return absl::InvalidArgumentError("spawn: argv is empty");
  if (options.jail != nullptr && options.privileges == Privileges::kKept) {
    return absl::InvalidArgumentError("spawn: nobody keeps privileges in a jail");
  }
  std::vector<int> targets;
  for (const FdGrant& grant : options.fds) {
    if (grant.source < 0 || grant.target < 0) {
      return absl::InvalidArgumentError("spawn: a file descriptor to hand over is not open");
    }
    targets.push_back(grant.target);
  }
  std::ranges::sort(targets);
  if (std::ranges::adjacent_find(targets) != targets.end()) {
    return absl::InvalidArgumentError("spawn: two file descriptors have the same number");
  }
  return absl::OkStatus();
}

[[nodiscard]] std::vector<char*> PointersTo(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

[[nodiscard]] absl::StatusOr<OwnedFd> OpenOurselves() {
  // PIDFD_THREAD of Linux 6.9, which is younger than the headers: this thread, whose end it is that
  // counts. Before, the process, whose end comes later.
  constexpr unsigned kThread = O_EXCL;
  OwnedFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, ::gettid(), kThread)));
  if (!pidfd.valid()) {
    pidfd = OwnedFd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0U)));
  }
  if (!pidfd.valid()) return ErrnoStatus("holding this process by a pidfd");
  return pidfd;
}

// EACCES is CLONE_INTO_CGROUP's alone (clone(2)).
[[nodiscard]] absl::Status CloneError(int error, const Jail* jail) {
  if (error == EACCES) {
    return absl::PermissionDeniedError(
        "making a process in its cgroup: Permission denied; this user has to be allowed to write "
        "cgroup.procs of the closest cgroup above both this process's and the VM's: start it from "
        "within that one, or name another parent");
  }
  if (jail == nullptr) return ErrnoStatus("making a process", error);
  const absl::Status status = ErrnoStatus("making a process with namespaces of its own", error);
  return absl::Status(
      status.code(), absl::StrCat(status.message(),
                                  jail->rootless() ? "; this user has to be allowed user namespaces"
                                                   : "; it takes the capability SYS_ADMIN",
                                  ", see `mayfly doctor`"));
}

// A process that changes its user while it shares our memory makes that memory unreadable for
// others of our own user, and /proc/self root's (commit_creds() in the kernel): put right again
// when the last of those that are on their way has its program.
class KeptDumpable final {
 public:
  KeptDumpable() {
    const std::lock_guard lock(mutex_);
    if (on_their_way_++ == 0) was_ = ::prctl(PR_GET_DUMPABLE);
  }
  ~KeptDumpable() {
    const std::lock_guard lock(mutex_);
    if (--on_their_way_ > 0 || was_ != kDumpable) return;
    if (::prctl(PR_GET_DUMPABLE) != kDumpable) ::prctl(PR_SET_DUMPABLE, kDumpable);
  }
  KeptDumpable(const KeptDumpable&) = delete;
  KeptDumpable& operator=(const KeptDumpable&) = delete;

 private:
  static constexpr int kDumpable = 1;
  static inline std::mutex mutex_;
  static inline int on_their_way_ = 0;
  static inline int was_ = 0;
};

}  // namespace

absl::StatusOr<ChildProcess> Spawn(const SpawnOptions& options) {
  MAYFLY_RETURN_IF_ERROR(Check(options));
  std::vector<std::string> words = options.arguments;
  const std::vector<char*> argv = PointersTo(words);
  std::vector<FdGrant> fds = options.fds;
  std::ranges::sort(fds, {}, &FdGrant::target);
  MAYFLY_ASSIGN_OR_RETURN(const OwnedFd parent, OpenOurselves());
  ChildSetup setup{.program = options.program,
                   .argv = argv,
                   .fds = fds,
                   .parent_death = options.parent_death,
                   .privileges = options.privileges,
                   .jail = options.jail == nullptr ? nullptr : &options.jail->entry(),
                   .cgroup_tasks = options.cgroup_tasks,
                   .parent_pidfd = parent.get()};
  std::optional<KeptDumpable> dumpable;
  if (setup.jail != nullptr && setup.jail->has_own_ids) dumpable.emplace();

  int pidfd = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD | CLONE_PARENT_SETTID;
  if (setup.jail != nullptr) args.flags |= setup.jail->clone_flags;
  if (options.cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<__u64>(options.cgroup);
  }
  args.pidfd = reinterpret_cast<uintptr_t>(&pidfd);
  args.parent_tid = reinterpret_cast<uintptr_t>(&setup.pid);
  const pid_t pid = VforkInto(args, &BecomeProgram, &setup);
  if (pid < 0) return CloneError(-pid, options.jail);

  ChildProcess child(pid, OwnedFd(pidfd), setup.keyring);
  if (setup.error != 0) {
    (void)child.Wait();
    return ErrnoStatus(setup.failed_step, setup.error);
  }
  return child;
}

}  // namespace mayfly::jailer
