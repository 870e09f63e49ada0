#include "jailer/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace mayfly::jailer {
namespace {

// Beyond all that the kernel's interface can name: sets of capabilities have 64 bits.
constexpr unsigned long kCapabilities = 64;

// Others than root may not change it (CAP_SETPCAP), and gain nothing from it either: no_new_privs.
bool EmptyBoundingSet() {
  for (unsigned long capability = 0; capability < kCapabilities; ++capability) {
    const int held = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (held < 0) return true;  // EINVAL: there are no more
    if (held == 1 && ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      return errno == EPERM && ::geteuid() != 0;
    }
  }
  return true;
}

bool EmptyOwnSets() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  return ::syscall(SYS_capset, &header, none.data()) == 0;
}

}  // namespace

const char* RenouncePrivileges() {
  if (!EmptyBoundingSet()) return "emptying the capability bounding set";
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return "emptying the ambient capability set";
  }
  if (!EmptyOwnSets()) return "giving up all capabilities";
  const rlimit nothing{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_CORE, &nothing) != 0) return "forbidding core dumps";
  ::umask(S_IRWXG | S_IRWXO);
  return nullptr;
}

}  // namespace mayfly::jailer
