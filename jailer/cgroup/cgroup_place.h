#pragma once

#include <string>

#include "jailer/cgroup/cgroup_hierarchies.h"
#include "jailer/cgroup/controller.h"

namespace mayfly::jailer {

// Whose rights count.
enum class CgroupUser { kRoot, kOrdinary };

// Where to look, and where VMs' cgroups are to be.
struct CgroupSettings {
  // The cgroup in which those of VMs are made, from the top of each hierarchy: "/fleet". Empty:
  // `mayfly`, at the top for root, otherwise (and where root may not) below the closest cgroup
  // above this process that it may divide.
  std::string parent;
  CgroupUser user = CgroupUser::kOrdinary;
  // Before /proc and all directories: tests have trees of their own.
  std::string root;

  // For this process, as it is.
  [[nodiscard]] static CgroupSettings ForThisProcess();
};

// Whether a resource can be limited.
struct ControllerFinding {
  CgroupVersion version = CgroupVersion::kV2;
  std::string path;      // where the cgroups of VMs are
  std::string obstacle;  // why it cannot; empty where it can
  std::string remedy;

  [[nodiscard]] bool usable() const { return obstacle.empty(); }
};

// Where the cgroups of VMs are in one hierarchy.
class CgroupPlace final {
 public:
  CgroupPlace(CgroupHierarchy hierarchy, const CgroupSettings& settings);

  [[nodiscard]] const CgroupHierarchy& hierarchy() const { return hierarchy_; }
  // The directory; empty where no place was found.
  [[nodiscard]] const std::string& path() const { return path_; }
  // Whether cgroups in it can have `controller`, as far as looking tells.
  [[nodiscard]] ControllerFinding Look(Controller controller) const;

 private:
  [[nodiscard]] std::string DefaultPath(CgroupUser user) const;
  [[nodiscard]] ControllerFinding LookV2(Controller controller) const;

  CgroupHierarchy hierarchy_;
  std::string path_;
};

}  // namespace mayfly::jailer
