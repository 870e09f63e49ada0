#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jailer/cgroup/controller.h"

namespace mayfly::jailer {

// A tree of cgroups that is mounted here.
struct CgroupHierarchy {
  CgroupVersion version = CgroupVersion::kV2;
  // v1: those mounted together. v2 says it in each cgroup, so that it is empty here.
  ControllerSet controllers;
  std::string mount_point;
  // This process's own cgroup, a directory; empty where it lies outside of what is mounted.
  std::string own;
};

// Those in `mountinfo` (of /proc/self, proc(5)) that have a controller of ours or are v2, each
// once, by the first of its mounts. `memberships` is /proc/self/cgroup (cgroups(7)). `root` is put
// before each directory.
[[nodiscard]] std::vector<CgroupHierarchy> ParseHierarchies(std::string_view mountinfo,
                                                            std::string_view memberships,
                                                            std::string_view root);

}  // namespace mayfly::jailer
