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

const char* EnterNamespaces(const JailEntry& jail) {
  if (jail.namespaces.front() < 0) return EmptyNamespaces();
  for (const int fd : jail.namespaces) {
    // Of whatever kind it is.
    if (::setns(fd, 0) != 0) return "entering the prepared jail";
  }
  return nullptr;
}

Entered JoinOwnKeyring() {
  // A kernel without keyrings has none to share. Keys are counted by user, and few are allowed
  // (kernel.keys.maxkeys): EDQUOT is for the caller to tell.
  const bool joined = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0;
  if (!joined && errno != ENOSYS && errno != EDQUOT) {
    return {.failed_step = "joining a session keyring of its own"};
  }
  return {.keyring = joined || errno == ENOSYS ? Keyring::kOwn : Keyring::kStarters};
}

Entered EnterJail(const JailEntry& jail) {
  if (const char* const step = EnterNamespaces(jail)) return {.failed_step = step};
  return JoinOwnKeyring();
}

}  // namespace mayfly::jailer
