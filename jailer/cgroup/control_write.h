#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jailer/cgroup/cgroup_limits.h"
#include "jailer/cgroup/controller.h"

namespace mayfly::jailer {

// A line for a control file of a cgroup.
struct ControlWrite {
  enum class Need {
    kMust,
    kWhereThere,  // the kernel may be built without
  };
  std::string file;
  std::string value;
  Need need = Need::kMust;
};

// What sets `limits` in the files of `controller`, in this order (cgroup-v2.rst, "Controllers";
// cgroup-v1/*.rst; sched-bwc.rst). Empty where they do not need it. `memory_nodes` is for the
// cpusets of v1, which begin with none.
[[nodiscard]] std::vector<ControlWrite> WritesFor(const CgroupLimits& limits, Controller controller,
                                                  CgroupVersion version,
                                                  std::string_view memory_nodes);

// What to do where the kernel refuses such a line with `error`; empty where nothing is known.
[[nodiscard]] std::string_view RemedyFor(Controller controller, int error);

}  // namespace mayfly::jailer
