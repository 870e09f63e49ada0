#include "tests/host/traces.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace mayfly::testing {
namespace {

namespace fs = std::filesystem;

[[nodiscard]] std::string ProcPath(pid_t pid, const std::string& name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

[[nodiscard]] size_t CountEntries(const std::string& directory) {
  std::error_code error;
  const fs::directory_iterator entries(directory, error);
  return error ? 0 : static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

[[nodiscard]] size_t CountWords(const std::string& path) {
  std::ifstream file(path);
  return static_cast<size_t>(std::distance(std::istream_iterator<std::string>(file), {}));
}

[[nodiscard]] size_t CountLines(const std::string& path) {
  std::ifstream file(path);
  return static_cast<size_t>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
}

}  // namespace

Traces Traces::Of(pid_t pid, const std::string& socket) {
  Traces traces;
  traces.open_files = CountEntries(ProcPath(pid, "fd"));
  traces.processes = CountWords(ProcPath(pid, "task/" + std::to_string(pid) + "/children"));
  traces.mounts = CountLines(ProcPath(pid, "mountinfo"));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(socket + ".d", error)) {
    traces.stored.insert(entry.path().filename());
  }
  return traces;
}

std::ostream& operator<<(std::ostream& stream, const Traces& traces) {
  stream << traces.open_files << " open files, " << traces.processes << " processes, "
         << traces.mounts << " mounts, " << traces.stored.size() << " stored:";
  for (const std::string& name : traces.stored) stream << " " << name;
  return stream;
}

uint64_t ResidentBytes(pid_t pid) {
  std::ifstream file(ProcPath(pid, "statm"));
  uint64_t size = 0;
  uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace mayfly::testing
