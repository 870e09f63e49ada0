#include "tests/jail/host_state.h"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kOurs[] = "mayfly";

std::set<std::string> LinesOf(const char* path) {
  std::set<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.insert(line);
  return lines;
}

// Without the counters behind the names.
std::set<std::string> Links() {
  std::set<std::string> links;
  for (const std::string& line : LinesOf("/proc/net/dev"))
    links.insert(line.substr(0, line.find(':')));
  return links;
}

std::set<std::string> OursBelow(const char* directory) {
  std::set<std::string> found;
  std::error_code gone;  // others come and go while this looks
  fs::recursive_directory_iterator entry(directory, fs::directory_options::skip_permission_denied,
                                         gone);
  for (; !gone && entry != fs::recursive_directory_iterator(); entry.increment(gone)) {
    const std::string path = entry->path();
    if (path.find(kOurs) == std::string::npos) continue;
    // A cgroup is a directory, full of files that the kernel makes.
    if (entry->is_directory(gone) || path.starts_with("/dev/shm/")) found.insert(path);
  }
  return found;
}

std::set<std::string> Descriptors() {
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // the directory's own
    files.insert(entry.path().filename().string() + " " + fs::read_symlink(entry, gone).string());
  }
  return files;
}

}  // namespace

HostState TakeHostState() {
  return {{"mounts", LinesOf("/proc/self/mountinfo")},
          {"network interfaces", Links()},
          {"cgroups", OursBelow("/sys/fs/cgroup")},
          {"shared memory", OursBelow("/dev/shm")},
          {"System V shared memory", LinesOf("/proc/sysvipc/shm")},
          {"System V semaphores", LinesOf("/proc/sysvipc/sem")},
          {"System V queues", LinesOf("/proc/sysvipc/msg")},
          {"descriptors", Descriptors()}};
}

}  // namespace mayfly::testing
