#include "api/host/pids_limit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file_io.h"
#include "jailer/cgroup/cgroup_hierarchies.h"
#include "jailer/cgroup/cgroup_parent.h"
#include "jailer/cgroup/controller.h"

namespace mayfly::api {
namespace {

using jailer::CgroupHierarchy;
using jailer::CgroupVersion;
using jailer::Controller;

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

// What is not there, or says "max", limits nothing.
[[nodiscard]] uint64_t Setting(const std::string& path) {
  const auto text = ReadText(AT_FDCWD, path);
  uint64_t number = 0;
  return text.ok() && absl::SimpleAtoi(*text, &number) ? number : kNoLimit;
}

[[nodiscard]] std::string TextOf(const std::string& path) {
  return ReadText(AT_FDCWD, path).value_or("");
}

// Where processes are counted: in a hierarchy of version 1 that has the controller, otherwise in
// version 2's (cgroup-v2.rst, "Mounting").
[[nodiscard]] const CgroupHierarchy* CounterAmong(const std::vector<CgroupHierarchy>& all) {
  const CgroupHierarchy* found = nullptr;
  for (const CgroupHierarchy& hierarchy : all) {
    if (hierarchy.controllers.Has(Controller::kPids)) return &hierarchy;
    if (hierarchy.version == CgroupVersion::kV2) found = &hierarchy;
  }
  return found;
}

[[nodiscard]] std::vector<std::string> CgroupsOfVms(const std::string& cgroup_parent,
                                                    const std::string& root) {
  const std::vector<CgroupHierarchy> all = jailer::ParseHierarchies(
      TextOf(root + "/proc/self/mountinfo"), TextOf(root + "/proc/self/cgroup"), root);
  const CgroupHierarchy* const counter = CounterAmong(all);
  if (counter == nullptr) return {};
  const std::string given = counter->mount_point + cgroup_parent;
  const bool is_given = !cgroup_parent.empty() && ::access(given.c_str(), F_OK) == 0;
  const std::string& directory = is_given ? given : counter->own;
  if (directory.empty()) return {};
  return jailer::ChainTo(counter->mount_point, directory);
}

}  // namespace

PidsLimit PidsLimit::Find(const std::string& cgroup_parent, const std::string& root) {
  PidsLimit limit = {.pids = kNoLimit, .remedy = ""};
  const auto lower = [&limit](uint64_t most, std::string for_more) {
    if (most < limit.pids) limit = {.pids = most, .remedy = std::move(for_more)};
  };
  lower(Setting(root + "/proc/sys/kernel/pid_max"), "raise kernel.pid_max (sysctl)");
  lower(Setting(root + "/proc/sys/kernel/threads-max"), "raise kernel.threads-max (sysctl)");
  rlimit processes{};
  if (::geteuid() != 0 && ::getrlimit(RLIMIT_NPROC, &processes) == 0) {
    lower(processes.rlim_cur, "raise the limit of processes (ulimit -u)");
  }
  for (const std::string& cgroup : CgroupsOfVms(cgroup_parent, root)) {
    lower(Setting(cgroup + "/pids.max"),
          absl::StrCat("raise pids.max of the cgroup ", cgroup, " (TasksMax= of a unit)"));
  }
  return limit;
}

}  // namespace mayfly::api
