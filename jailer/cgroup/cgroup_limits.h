#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "jailer/cgroup/block_device.h"
#include "jailer/cgroup/controller.h"
#include "jailer/cgroup/cpu_list.h"

namespace mayfly::jailer {

// What may go to and from one disk in a second.
struct IoLimit {
  BlockDevice device;
  std::optional<uint64_t> read_bytes = std::nullopt;
  std::optional<uint64_t> write_bytes = std::nullopt;
  std::optional<uint64_t> read_operations = std::nullopt;
  std::optional<uint64_t> write_operations = std::nullopt;
};

// What a process may take of the host. What is not set is not limited.
struct CgroupLimits {
  std::optional<double> cpus;          // 0.5: 50 ms in every 100 ms
  std::optional<uint64_t> cpu_weight;  // against others who want the same CPU, who have 100
  std::optional<CpuList> cpuset;       // where it runs
  std::optional<uint64_t> memory;      // bytes, swapped or not
  std::optional<uint64_t> pids;        // processes and threads
  std::vector<IoLimit> io;

  // What can be told without looking at the host. Errors: InvalidArgument, with the range.
  [[nodiscard]] absl::Status Check() const;
  // What they need; empty where nothing is limited.
  [[nodiscard]] ControllerSet Controllers() const;
};

}  // namespace mayfly::jailer
