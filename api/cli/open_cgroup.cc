#include "api/cli/open_cgroup.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/status.h"
#include "jailer/cgroup/cgroup_tree.h"

namespace mayfly::cli {
namespace {

// After that it is left to the next command (SweepCgroups()).
constexpr int kPatienceMilliseconds = 5000;
constexpr int kMostAttempts = 1000;
constexpr std::chrono::milliseconds kPause{5};

[[nodiscard]] absl::StatusOr<jailer::CgroupTree> FindTree(const std::string& parent) {
  jailer::CgroupSettings settings = jailer::CgroupSettings::ForThisProcess();
  settings.parent = parent;
  absl::StatusOr<jailer::CgroupTree> tree = jailer::CgroupTree::Find(settings);
  if (absl::IsInvalidArgument(tree.status())) return Annotate(tree.status(), "--cgroup-parent");
  return tree;
}

// A thread of the kernel's may be in it a moment longer than the VMM.
void RemoveWhenEmpty(const std::string& path) {
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    if (::rmdir(path.c_str()) == 0 || errno != EBUSY) return;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

absl::StatusOr<jailer::CgroupLimits> CompleteLimits(const LimitOption& option) {
  jailer::CgroupLimits limits = option.limits;
  for (const LimitOption::Disk& disk : option.disks) {
    const absl::StatusOr<jailer::BlockDevice> device = jailer::BlockDevice::At(disk.path);
    if (!device.ok()) {
      // A file that is not there is the user's mistake, too.
      return absl::InvalidArgumentError(Annotate(device.status(), "--limit: io").message());
    }
    limits.io.push_back(disk.limit);
    limits.io.back().device = *device;
  }
  return limits;
}

absl::StatusOr<std::optional<jailer::Cgroup>> OpenCgroup(const LimitOption& option,
                                                         const std::string& parent) {
  if (option.empty() && parent.empty()) return std::nullopt;
  MAYFLY_ASSIGN_OR_RETURN(const jailer::CgroupLimits limits, CompleteLimits(option));
  MAYFLY_ASSIGN_OR_RETURN(jailer::CgroupTree tree, FindTree(parent));
  MAYFLY_ASSIGN_OR_RETURN(jailer::Cgroup cgroup, tree.Make(limits));
  return std::optional<jailer::Cgroup>(std::move(cgroup));
}

void RemoveCgroupLater(const api::VmmProcess& vmm) {
  if (!vmm.cgroup()) return;
  const std::vector<std::string> paths = vmm.cgroup()->Paths();
  if (::fork() != 0) return;
  // Nothing is to be held for whoever waits for its end, or for ours: not our streams, nor the
  // VMM's socket, a directory, or the terminal and its signals.
  ::setsid();
  const bool nothing_held = ::chdir("/") == 0 &&
                            ::dup2(vmm.process().pidfd(), STDIN_FILENO) == STDIN_FILENO &&
                            ::syscall(SYS_close_range, STDIN_FILENO + 1, ~0U, 0) == 0;
  if (!nothing_held) ::_exit(1);
  pollfd ended{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  ::poll(&ended, 1, kPatienceMilliseconds);
  for (const std::string& path : paths) RemoveWhenEmpty(path);
  ::_exit(0);
}

void SweepCgroups(const std::string& parent) {
  const absl::StatusOr<jailer::CgroupTree> tree = FindTree(parent);
  if (tree.ok()) (void)tree->SweepAll();
}

}  // namespace mayfly::cli
