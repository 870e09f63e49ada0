#include "tests/jail/host_state.h"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <system_error>
#include <thread>

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;

constexpr char kOurs[] = "mayfly";
constexpr char kPasst[] = "passt";
constexpr std::chrono::seconds kGrace{10};
constexpr std::chrono::milliseconds kStep{50};

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

// Bound to a name: the last column. (Those without have none.)
std::set<std::string> UnixSockets(const std::string& directory) {
  std::set<std::string> sockets;
  for (const std::string& line : LinesOf("/proc/net/unix")) {
    const size_t path = line.find_first_of("/@");
    if (path == std::string::npos) continue;
    const std::string name = line.substr(path);
    if (name.starts_with(directory) || name.find(kPasst) != std::string::npos) {
      sockets.insert(name);
    }
  }
  return sockets;
}

struct Process {
  std::string name;
  char state = 0;
  pid_t parent = 0;
};

// "PID (NAME) STATE PARENT ..." (proc(5)): the name may have anything in it.
std::optional<Process> ReadProcess(const fs::path& directory) {
  std::ifstream file(directory / "stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;  // gone
  const size_t begin = line.find('(') + 1;
  const size_t end = line.rfind(')');
  if (end == std::string::npos || begin > end) return std::nullopt;
  Process process{.name = line.substr(begin, end - begin)};
  std::istringstream(line.substr(end + 1)) >> process.state >> process.parent;
  return process;
}

std::set<std::string> LivingDescendants() {
  std::map<pid_t, Process> processes;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string number = entry.path().filename();
    if (number.find_first_not_of("0123456789") != std::string::npos) continue;
    if (auto process = ReadProcess(entry.path())) processes[std::stoi(number)] = *process;
  }
  std::set<std::string> ours;
  for (const auto& [pid, process] : processes) {
    constexpr char kZombie = 'Z';
    if (process.state == kZombie) continue;
    pid_t ancestor = process.parent;
    while (ancestor != ::getpid() && processes.contains(ancestor)) {
      ancestor = processes.at(ancestor).parent;
    }
    if (ancestor == ::getpid()) ours.insert(process.name + " " + std::to_string(pid));
  }
  return ours;
}

HostState Added(const HostState& before, const std::string& directory) {
  HostState added;
  for (const auto& [kind, things] : TakeHostState(directory)) {
    std::ranges::set_difference(things, before.at(kind),
                                std::inserter(added[kind], added[kind].begin()));
    if (added[kind].empty()) added.erase(kind);
  }
  return added;
}

}  // namespace

HostState TakeHostState(const std::string& directory) {
  return {{"mounts", LinesOf("/proc/self/mountinfo")},
          {"network interfaces", Links()},
          {"cgroups", OursBelow("/sys/fs/cgroup")},
          {"shared memory", OursBelow("/dev/shm")},
          {"System V shared memory", LinesOf("/proc/sysvipc/shm")},
          {"System V semaphores", LinesOf("/proc/sysvipc/sem")},
          {"System V queues", LinesOf("/proc/sysvipc/msg")},
          {"Unix sockets", UnixSockets(directory)},
          {"processes", LivingDescendants()},
          {"descriptors", Descriptors()}};
}

HostState LeftSince(const HostState& before, const std::string& directory) {
  const auto end = std::chrono::steady_clock::now() + kGrace;
  HostState left = Added(before, directory);
  while (!left.empty() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(kStep);
    left = Added(before, directory);
  }
  return left;
}

}  // namespace mayfly::testing
