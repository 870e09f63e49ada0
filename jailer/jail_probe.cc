// What jail_test starts: tells on descriptor 1 what it finds around itself, one "name=value" a
// line; then stays until descriptor 0 is closed at the other end.

#include <dirent.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "jailer/jail_check.h"

namespace {

int CountRootEntries() {
  DIR* const root = ::opendir("/");
  if (root == nullptr) return -1;
  int count = 0;
  while (const dirent* const entry = ::readdir(root)) {
    const std::string_view name = entry->d_name;
    count += name != "." && name != ".." ? 1 : 0;
  }
  ::closedir(root);
  return count;
}

unsigned long LimitOf(__rlimit_resource resource) {
  rlimit limit{};
  ::getrlimit(resource, &limit);
  return limit.rlim_max;
}

}  // namespace

int main() {
  utsname host{};
  ::uname(&host);
  const int created = ::open("/file", O_CREAT | O_WRONLY, 0600);
  const char* const creating = created >= 0 ? "done" : ::strerrorname_np(errno);
  int death_signal = 0;
  ::prctl(PR_GET_PDEATHSIG, &death_signal);
  ::dprintf(1, "pid=%d\nparent=%d\nuid=%u\ngid=%u\ngroups=%d\n", ::getpid(), ::getppid(),
            ::getuid(), ::getgid(), ::getgroups(0, nullptr));
  ::dprintf(1, "host=%s\ndomain=%s\nentries=%d\ncreating=%s\n", host.nodename, host.domainname,
            CountRootEntries(), creating);
  ::dprintf(1, "keyring=%ld\n",
            ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
  ::dprintf(1, "files=%lu\nfile_size=%lu\ncore=%lu\n", LimitOf(RLIMIT_NOFILE),
            LimitOf(RLIMIT_FSIZE), LimitOf(RLIMIT_CORE));
  const std::string jailed(mayfly::jailer::CheckJailed().message());
  ::dprintf(1, "jailed=%s\n", jailed.empty() ? "yes" : jailed.c_str());
  ::dprintf(1, "death_signal=%d\n.\n", death_signal);
  char byte = 0;
  while (::read(0, &byte, 1) > 0) {
  }
  return 0;
}
