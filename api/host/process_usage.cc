#include "api/host/process_usage.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file_io.h"

namespace mayfly::api {
namespace {

constexpr char kOpenFiles[] = "/proc/self/fd";
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
// The column of /proc/PID/statm with the resident pages (proc(5)).
constexpr size_t kResidentColumn = 1;

[[nodiscard]] uint64_t ResidentBytes(pid_t pid) {
  const auto statm = ReadText(AT_FDCWD, absl::StrCat("/proc/", pid, "/statm"));
  if (!statm.ok()) return 0;
  const std::vector<std::string> columns = absl::StrSplit(*statm, ' ');
  uint64_t pages = 0;
  if (columns.size() <= kResidentColumn || !absl::SimpleAtoi(columns[kResidentColumn], &pages)) {
    return 0;
  }
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

[[nodiscard]] uint64_t CpuNanoseconds(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<uint64_t>(time.tv_sec) * kNanosecondsPerSecond +
         static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

ProcessUsage ProcessUsage::Of(pid_t pid) {
  if (pid <= 0) return {};
  return {.resident_bytes = ResidentBytes(pid), .cpu_nanoseconds = CpuNanoseconds(pid)};
}

uint64_t OpenFiles() {
  // Since Linux 6.2 the directory's size is how many there are; earlier it is 0.
  struct stat directory {};
  if (::stat(kOpenFiles, &directory) == 0 && directory.st_size > 0) {
    return static_cast<uint64_t>(directory.st_size);
  }
  std::error_code error;
  const std::filesystem::directory_iterator files(kOpenFiles, error);
  // Without the one that looks.
  return error ? 0 : static_cast<uint64_t>(std::distance(begin(files), end(files))) - 1;
}

uint64_t MostOpenFiles() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace mayfly::api
