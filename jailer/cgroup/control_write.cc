#include "jailer/cgroup/control_write.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::jailer {
namespace {

using Writes = std::vector<ControlWrite>;
using Need = ControlWrite::Need;

// What cpu.max and cpu.cfs_period_us begin with.
constexpr double kPeriodMicroseconds = 100'000;
// A weight of 100 is as many shares of v1 (cpu.shares begins with these).
constexpr uint64_t kSharesOfDefaultWeight = 1024;
constexpr uint64_t kDefaultWeight = 100;
constexpr uint64_t kLeastShares = 2;

void AddCpu(const CgroupLimits& limits, CgroupVersion version, Writes& writes) {
  const bool v2 = version == CgroupVersion::kV2;
  if (limits.cpus) {
    const auto quota = static_cast<uint64_t>(std::llround(*limits.cpus * kPeriodMicroseconds));
    writes.push_back({v2 ? "cpu.max" : "cpu.cfs_quota_us", absl::StrCat(quota)});
  }
  if (!limits.cpu_weight) return;
  const uint64_t shares = *limits.cpu_weight * kSharesOfDefaultWeight / kDefaultWeight;
  writes.push_back(v2 ? ControlWrite{"cpu.weight", absl::StrCat(*limits.cpu_weight)}
                      : ControlWrite{"cpu.shares", absl::StrCat(std::max(shares, kLeastShares))});
}

void AddCpuset(const CgroupLimits& limits, CgroupVersion version, std::string_view memory_nodes,
               Writes& writes) {
  if (!limits.cpuset) return;
  if (version == CgroupVersion::kV1) writes.push_back({"cpuset.mems", std::string(memory_nodes)});
  writes.push_back({"cpuset.cpus", limits.cpuset->Text()});
}

// Swap is no way around it: v2 limits it by itself, v1 both together, which cannot be less than
// memory alone and so comes second.
void AddMemory(const CgroupLimits& limits, CgroupVersion version, Writes& writes) {
  if (!limits.memory) return;
  const std::string bytes = absl::StrCat(*limits.memory);
  if (version == CgroupVersion::kV2) {
    writes.push_back({"memory.max", bytes});
    writes.push_back({"memory.swap.max", "0", Need::kWhereThere});
  } else {
    writes.push_back({"memory.limit_in_bytes", bytes});
    writes.push_back({"memory.memsw.limit_in_bytes", bytes, Need::kWhereThere});
  }
}

void AddIo(const IoLimit& limit, CgroupVersion version, Writes& writes) {
  struct Rate {
    const std::optional<uint64_t>& number;
    std::string_view v2_key;
    std::string_view v1_file;
  };
  const Rate rates[] = {
      {limit.read_bytes, "rbps", "blkio.throttle.read_bps_device"},
      {limit.write_bytes, "wbps", "blkio.throttle.write_bps_device"},
      {limit.read_operations, "riops", "blkio.throttle.read_iops_device"},
      {limit.write_operations, "wiops", "blkio.throttle.write_iops_device"},
  };
  std::string line = limit.device.Text();
  for (const Rate& rate : rates) {
    if (!rate.number) continue;
    absl::StrAppend(&line, " ", ToAbsl(rate.v2_key), "=", *rate.number);
    if (version == CgroupVersion::kV1) {
      writes.push_back(
          {std::string(rate.v1_file), absl::StrCat(limit.device.Text(), " ", *rate.number)});
    }
  }
  if (version == CgroupVersion::kV2) writes.push_back({"io.max", line});
}

}  // namespace

std::vector<ControlWrite> WritesFor(const CgroupLimits& limits, Controller controller,
                                    CgroupVersion version, std::string_view memory_nodes) {
  Writes writes;
  switch (controller) {
    case Controller::kCpu:
      AddCpu(limits, version, writes);
      break;
    case Controller::kCpuset:
      AddCpuset(limits, version, memory_nodes, writes);
      break;
    case Controller::kIo:
      for (const IoLimit& limit : limits.io) AddIo(limit, version, writes);
      break;
    case Controller::kMemory:
      AddMemory(limits, version, writes);
      break;
    case Controller::kPids:
      if (limits.pids) writes.push_back({"pids.max", absl::StrCat(*limits.pids)});
      break;
  }
  return writes;
}

std::string_view RemedyFor(Controller controller, int error) {
  if (controller == Controller::kCpu && error == EINVAL) {
    return "give no more than the cgroup above it has (cpu.cfs_quota_us there)";
  }
  if (controller == Controller::kIo && (error == ENODEV || error == ENXIO)) {
    return "give a whole disk that is there (lsblk lists them)";
  }
  if (controller == Controller::kIo && error == ENOENT) {
    return "use a kernel with CONFIG_BLK_DEV_THROTTLING";
  }
  if (controller == Controller::kCpu && error == ENOENT) {
    return "use a kernel with CONFIG_CFS_BANDWIDTH";
  }
  return "";
}

}  // namespace mayfly::jailer
