#include "jailer/jail_entry.h"

#include <linux/keyctl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "jailer/empty_root.h"

namespace mayfly::jailer {
namespace {

constexpr std::string_view kHostName = "jail";

}  // namespace

const char* EmptyNamespaces() {
  if (const char* const step = MakeEmptyRoot()) return step;
  if (::sethostname(kHostName.data(), kHostName.size()) != 0 || ::setdomainname("", 0) != 0) {
    return "hiding the host's name";
  }
  return nullptr;
}

Entered EnterJail(const JailEntry& jail) {
  const bool prepared = jail.namespaces.front() >= 0;
  for (const int fd : jail.namespaces) {
    // Of whatever kind it is.
    if (prepared && ::setns(fd, 0) != 0) return {.failed_step = "entering the prepared jail"};
  }
  if (!prepared) {
    if (const char* const step = EmptyNamespaces()) return {.failed_step = step};
  }
  // A kernel without keyrings has none to share. Keys are counted by user, and few are allowed
  // (kernel.keys.maxkeys): EDQUOT is for the caller to tell.
  const bool joined = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0;
  if (!joined && errno != ENOSYS && errno != EDQUOT) {
    return {.failed_step = "joining a session keyring of its own"};
  }
  return {.keyring = joined || errno == ENOSYS ? Keyring::kOwn : Keyring::kStarters};
}

}  // namespace mayfly::jailer
