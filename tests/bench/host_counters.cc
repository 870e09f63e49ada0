#include "tests/bench/host_counters.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace mayfly::bench {
namespace {

constexpr int kAnyCpu = -1;
constexpr int kNoGroup = -1;
// Software KVMs may come without it.
constexpr std::string_view kKvmExit = "kvm/kvm_exit";
// After the task clock, in the order of HostCost's members.
constexpr std::array<std::string_view, 5> kTracepoints = {kKvmExit, "kvm/kvm_userspace_exit",
                                                          "kvm/kvm_mmio", "kvm/kvm_vcpu_wakeup",
                                                          "raw_syscalls/sys_enter"};

absl::StatusOr<uint64_t> TracepointId(std::string_view name,
                                      const std::vector<std::string>& tracefs) {
  for (const std::string& root : tracefs) {
    std::ifstream file(absl::StrCat(root, "/events/", ToAbsl(name), "/id"));
    if (uint64_t id = 0; file >> id) return id;
  }
  return absl::NotFoundError(absl::StrCat(
      "the kernel has no tracepoint ", ToAbsl(name), " in ", absl::StrJoin(tracefs, " or "),
      ": be root, have kvm loaded, and tracefs mounted (mount -t tracefs tracefs ",
      "/sys/kernel/tracing)"));
}

absl::StatusOr<OwnedFd> OpenEvent(pid_t pid, uint32_t type, uint64_t config) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = type;
  attributes.config = config;
  attributes.inherit = 1;
  OwnedFd fd(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, pid, kAnyCpu, kNoGroup, PERF_FLAG_FD_CLOEXEC)));
  if (!fd.valid()) return ErrnoStatus("counting a process's events (perf_event_open)");
  return fd;
}

absl::StatusOr<uint64_t> ReadEvent(const OwnedFd& fd) {
  if (!fd.valid()) return 0;
  uint64_t count = 0;
  if (::read(fd.get(), &count, sizeof count) != sizeof count) return ErrnoStatus("reading a count");
  return count;
}

}  // namespace

HostCost operator-(const HostCost& a, const HostCost& b) {
  return {.cpu = a.cpu - b.cpu,
          .kvm_exits = a.kvm_exits - b.kvm_exits,
          .user_exits = a.user_exits - b.user_exits,
          .io_accesses = a.io_accesses - b.io_accesses,
          .halts = a.halts - b.halts,
          .syscalls = a.syscalls - b.syscalls};
}

absl::StatusOr<HostCounters> HostCounters::Attach(pid_t pid,
                                                  const std::vector<std::string>& tracefs) {
  static_assert(kEvents == 1 + kTracepoints.size());
  HostCounters counters;
  MAYFLY_ASSIGN_OR_RETURN(counters.fds_[0],
                          OpenEvent(pid, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK));
  for (size_t i = 0; i < kTracepoints.size(); ++i) {
    const absl::StatusOr<uint64_t> id = TracepointId(kTracepoints[i], tracefs);
    if (!id.ok() && kTracepoints[i] == kKvmExit) continue;
    MAYFLY_RETURN_IF_ERROR(id.status());
    MAYFLY_ASSIGN_OR_RETURN(counters.fds_[i + 1], OpenEvent(pid, PERF_TYPE_TRACEPOINT, *id));
  }
  return counters;
}

absl::StatusOr<HostCost> HostCounters::Read() const {
  std::array<uint64_t, kEvents> counts{};
  for (size_t i = 0; i < kEvents; ++i) {
    MAYFLY_ASSIGN_OR_RETURN(counts[i], ReadEvent(fds_[i]));
  }
  return HostCost{.cpu = Nanoseconds(counts[0]),
                  .kvm_exits = counts[1],
                  .user_exits = counts[2],
                  .io_accesses = counts[3],
                  .halts = counts[4],
                  .syscalls = counts[5]};
}

}  // namespace mayfly::bench
