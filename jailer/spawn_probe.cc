// What spawn_test starts: tells on descriptor 1 what it finds itself with, one "name=value" a line;
// then does as its argument says.

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

std::vector<int> OpenFds() {
  std::vector<int> fds;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return fds;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    const int fd = std::atoi(entry->d_name);
    if (fd != ::dirfd(directory)) fds.push_back(fd);
  }
  ::closedir(directory);
  std::ranges::sort(fds);
  return fds;
}

// The sets of capabilities, one after the other.
void TellCapabilities() {
  std::FILE* const status = std::fopen("/proc/self/status", "re");
  if (status == nullptr) return;
  ::dprintf(1, "capabilities=");
  for (char line[256]; std::fgets(line, sizeof line, status) != nullptr;) {
    if (std::string_view(line).starts_with("Cap")) {
      ::dprintf(1, "%llx,", std::strtoull(line + sizeof("CapXxx:"), nullptr, 16));
    }
  }
  ::dprintf(1, "\n");
  std::fclose(status);
}

bool AnySignalBlocked() {
  sigset_t mask;
  ::sigprocmask(SIG_SETMASK, nullptr, &mask);
  for (int signal = 1; signal < SIGRTMAX; ++signal) {
    if (::sigismember(&mask, signal) == 1) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view order = argc > 1 ? argv[1] : "";
  ::dprintf(1, "argc=%d\nfds=", argc);
  for (const int fd : OpenFds()) ::dprintf(1, "%d,", fd);
  int death_signal = 0;
  ::prctl(PR_GET_PDEATHSIG, &death_signal);
  ::dprintf(1, "\nenvironment=%s\n", environ == nullptr || *environ == nullptr ? "none" : *environ);
  ::dprintf(1, "no_new_privs=%d\n", ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  ::dprintf(1, "group_leader=%d\n", ::getpgrp() == ::getpid());
  ::dprintf(1, "death_signal=%d\n", death_signal);
  ::dprintf(1, "blocked=%d\n", AnySignalBlocked());
  TellCapabilities();
  rlimit core{};
  ::getrlimit(RLIMIT_CORE, &core);
  ::dprintf(1, "core=%lu/%lu\n", core.rlim_cur, core.rlim_max);
  ::dprintf(1, "umask=%03o\n", ::umask(0));
  if (order == "hang") {
    while (true) ::pause();
  }
  return order == "exit" ? std::atoi(argv[2]) : 0;
}
