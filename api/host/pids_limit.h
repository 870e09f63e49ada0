#pragma once

#include <cstdint>
#include <string>

namespace mayfly::api {

// How many processes and threads there may be, and what to do for more.
struct PidsLimit {
  uint64_t pids = 0;
  std::string remedy;

  // The tightest of the kernel's settings, this user's limit, and pids.max of the cgroup that VMs
  // are in and of those above it, as far as they can be seen: `cgroup_parent`, as in the
  // configuration, otherwise this process's own. `root` is put before all paths: tests have trees
  // of their own.
  [[nodiscard]] static PidsLimit Find(const std::string& cgroup_parent,
                                      const std::string& root = "");
};

}  // namespace mayfly::api
