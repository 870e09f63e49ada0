#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/owned_fd.h"

namespace mayfly::bench {

// What a VMM costs its host: CPU time of its processes and threads, guest included, and how often
// KVM handed something to it.
struct HostCost {
  Nanoseconds cpu{};
  uint64_t kvm_exits = 0;    // guest left; 0 where this KVM does not trace it (software KVMs)
  uint64_t user_exits = 0;   // of them, those that went to the VMM (KVM_RUN returned)
  uint64_t io_accesses = 0;  // guest accesses to device registers, in KVM or in the VMM
  uint64_t halts = 0;        // vCPU threads that waited for an interrupt
  uint64_t syscalls = 0;

  friend HostCost operator-(const HostCost& a, const HostCost& b);
};

// Counters of the kernel (perf_event_open(2): the task clock, and tracepoints of kvm and
// raw_syscalls) for a process, its threads, its children and theirs, from before its exec.
class HostCounters final {
 public:
  // For a process that has one thread; `tracefs`: where the tracepoints may be. Errors: what the
  // kernel refuses; without the right to trace (root, or CAP_PERFMON), PermissionDenied; NotFound
  // without KVM's tracepoints, but for the one that some KVMs do not have.
  [[nodiscard]] static absl::StatusOr<HostCounters> Attach(
      pid_t pid, const std::vector<std::string>& tracefs = {"/sys/kernel/tracing",
                                                            "/sys/kernel/debug/tracing"});

  [[nodiscard]] absl::StatusOr<HostCost> Read() const;

 private:
  static constexpr size_t kEvents = 6;

  HostCounters() = default;

  std::array<OwnedFd, kEvents> fds_;  // without an fd: kvm_exits that this KVM does not trace
};

}  // namespace mayfly::bench
