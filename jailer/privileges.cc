#include "jailer/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace mayfly::jailer {
namespace {

// Beyond all that the kernel's interface can name: sets of capabilities have 64 bits.
constexpr unsigned long kCapabilities = 64;

// Others than root may not change it (CAP_SETPCAP), and gain nothing from it either: no_new_privs.
// Not asked first whether it holds a capability: there are forty, and each call counts.
bool EmptyBoundingSet() {
  for (unsigned long capability = 0; capability < kCapabilities; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    const int error = errno;
    const int held = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (held < 0) return true;  // EINVAL: there are no more
    errno = error;
    if (held == 1) return error == EPERM && ::geteuid() != 0;
  }
  return true;
}

bool EmptyOwnSets() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  return ::syscall(SYS_capset, &header, none.data()) == 0;
}

// What the C library does for all threads of a process, whose memory is not this process's alone:
// by number.
const char* BecomeUser(uid_t id) {
  if (::syscall(SYS_setgroups, 0, nullptr) != 0) return "leaving all groups";
  if (::syscall(SYS_setresgid, id, id, id) != 0) return "taking a group of its own";
  if (::syscall(SYS_setresuid, id, id, id) != 0) return "taking a user of its own";
  return nullptr;
}

struct Limit {
  __rlimit_resource resource;
  rlim_t value;
};

constexpr std::array kLimits = {
    Limit{RLIMIT_CORE, 0},
    // `mayfly doctor` counts what the largest VM has (kComfortableOpenFiles).
    Limit{RLIMIT_NOFILE, 1024},
    // No disk is larger than 16 TiB, and no overlay's file than that and its map.
    Limit{RLIMIT_FSIZE, rlim_t{17} << 40},
    // Rings of io_uring, with kernels before 5.12; nothing is locked.
    Limit{RLIMIT_MEMLOCK, rlim_t{8} << 20},
    // Not RLIMIT_AS: a guest's memory is address space, and how much that is the VMM is told later.
    // What it may touch is its cgroup's to say; no policy lets it map more.
};

bool TakeLimits() {
  return std::ranges::all_of(kLimits, [](const Limit& limit) {
    rlimit now{};
    if (::getrlimit(limit.resource, &now) != 0) return false;
    now.rlim_max = std::min(now.rlim_max, limit.value);
    now.rlim_cur = now.rlim_max;
    return ::setrlimit(limit.resource, &now) == 0;
  });
}

}  // namespace

const char* LimitResources() { return TakeLimits() ? nullptr : "setting resource limits"; }

const char* RenouncePrivileges(std::optional<uid_t> own_id) {
  if (!EmptyBoundingSet()) return "emptying the capability bounding set";
  if (own_id) {
    if (const char* const step = BecomeUser(*own_id)) return step;
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return "emptying the ambient capability set";
  }
  if (!EmptyOwnSets()) return "giving up all capabilities";
  ::umask(S_IRWXG | S_IRWXO);
  return nullptr;
}

}  // namespace mayfly::jailer
