#include "jailer/cgroup/cgroup_limits.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::jailer {
namespace {

// A quota is 1 ms at least (Documentation/scheduler/sched-bwc.rst), here in every 100 ms.
constexpr double kLeastCpus = 0.01;
constexpr double kMostCpus = 8192;
// cgroup-v2.rst, "Weights".
constexpr uint64_t kLeastWeight = 1;
constexpr uint64_t kMostWeight = 10000;
// A VMM that has only begun holds more than this: with less it would not even come to say so.
constexpr uint64_t kLeastMemory = uint64_t{1} << 20;
// pids.max is a number of what can be there at all (PID_MAX_LIMIT).
constexpr uint64_t kMostPids = uint64_t{4} << 20;
// The kernel takes more for no limit.
constexpr uint64_t kMostBytes = std::numeric_limits<int64_t>::max();
constexpr uint64_t kMostOperations = std::numeric_limits<uint32_t>::max();

[[nodiscard]] absl::Status CheckCpus(double cpus) {
  if (std::isfinite(cpus) && cpus >= kLeastCpus && cpus <= kMostCpus) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("cpu: ", cpus, " is not within ", kLeastCpus, " and ", kMostCpus));
}

[[nodiscard]] absl::Status CheckWithin(absl::string_view what, std::optional<uint64_t> number,
                                       uint64_t least, uint64_t most) {
  if (!number || (*number >= least && *number <= most)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": ", *number, " is not within ", least, " and ", most));
}

[[nodiscard]] absl::Status CheckIo(const IoLimit& limit) {
  if (!limit.read_bytes && !limit.write_bytes && !limit.read_operations &&
      !limit.write_operations) {
    return absl::InvalidArgumentError(
        absl::StrCat("io: ", limit.device.Text(), " is to be limited in nothing"));
  }
  MAYFLY_RETURN_IF_ERROR(CheckWithin("io: bytes read", limit.read_bytes, 1, kMostBytes));
  MAYFLY_RETURN_IF_ERROR(CheckWithin("io: bytes written", limit.write_bytes, 1, kMostBytes));
  MAYFLY_RETURN_IF_ERROR(CheckWithin("io: reads", limit.read_operations, 1, kMostOperations));
  return CheckWithin("io: writes", limit.write_operations, 1, kMostOperations);
}

}  // namespace

absl::Status CgroupLimits::Check() const {
  if (cpus) MAYFLY_RETURN_IF_ERROR(CheckCpus(*cpus));
  MAYFLY_RETURN_IF_ERROR(CheckWithin("weight", cpu_weight, kLeastWeight, kMostWeight));
  MAYFLY_RETURN_IF_ERROR(CheckWithin("memory", memory, kLeastMemory, kMostBytes));
  MAYFLY_RETURN_IF_ERROR(CheckWithin("pids", pids, 1, kMostPids));
  for (const IoLimit& limit : io) MAYFLY_RETURN_IF_ERROR(CheckIo(limit));
  return absl::OkStatus();
}

ControllerSet CgroupLimits::Controllers() const {
  ControllerSet controllers;
  if (cpus || cpu_weight) controllers.Add(Controller::kCpu);
  if (cpuset) controllers.Add(Controller::kCpuset);
  if (memory) controllers.Add(Controller::kMemory);
  if (pids) controllers.Add(Controller::kPids);
  if (!io.empty()) controllers.Add(Controller::kIo);
  return controllers;
}

}  // namespace mayfly::jailer
