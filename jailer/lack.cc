#include "jailer/lack.h"

#include <unistd.h>

#include "jailer/sanitized.h"
#include "jailer/vm_ids.h"

namespace mayfly::jailer {

std::optional<Lack> KeyringLack(const ChildProcess& process) {
  if (process.keyring() == Keyring::kOwn || kSanitized) return std::nullopt;
  return Lack{
      .what =
          "the VM has no session keyring of its own, since its user has as many keys "
          "as the kernel allows: it keeps its starter's, which its seccomp filters "
          "keep it from",
      .remedy = ::geteuid() == 0 ? "raise kernel.keys.root_maxkeys" : "raise kernel.keys.maxkeys"};
}

std::optional<Lack> UserLack(const Jail& jail) {
  if (!jail.rootless() || ::geteuid() != 0 || kSanitized) return std::nullopt;
  return Lack{.what =
                  "no VM has a user of its own, since root has not all here that giving them "
                  "takes: outside of its user namespace each is this user",
              .remedy =
                  "start VMs outside of containers, or let this one have the capabilities "
                  "SYS_ADMIN, SYS_CHROOT, SETUID, SETGID, SETPCAP and KILL, the host's "
                  "process numbers, and the user and group numbers " +
                  std::to_string(kFirstVmId) + " to " + std::to_string(kFirstVmId + kVmIds - 1)};
}

}  // namespace mayfly::jailer
