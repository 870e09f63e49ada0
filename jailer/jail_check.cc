#include "jailer/jail_check.h"

#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace mayfly::jailer {
namespace {

constexpr pid_t kFirstProcess = 1;
// What MakeEmptyRoot() mounts has room for its directory, and nothing in it.
constexpr fsfilcnt_t kDirectoryAlone = 1;

[[nodiscard]] bool HasNoCapability() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  return std::ranges::all_of(sets, [](const __user_cap_data_struct& set) {
    return (set.effective | set.permitted | set.inheritable) == 0;
  });
}

[[nodiscard]] bool HasEmptyRoot() {
  struct statfs root {};
  if (::statfs("/", &root) != 0) return false;
  return root.f_type == TMPFS_MAGIC && root.f_files == kDirectoryAlone &&
         (root.f_flags & ST_RDONLY) != 0;
}

}  // namespace

absl::Status CheckJailed() {
  if (::getpid() != kFirstProcess) {
    return absl::FailedPreconditionError("this process is in no pid namespace of its own");
  }
  if (!HasNoCapability()) return absl::FailedPreconditionError("this process has capabilities");
  if (!HasEmptyRoot()) {
    return absl::FailedPreconditionError("this process has a root that is not empty");
  }
  return absl::OkStatus();
}

}  // namespace mayfly::jailer
