#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "jailer/cgroup/cgroup.h"
#include "jailer/cgroup/cgroup_hierarchies.h"
#include "jailer/cgroup/cgroup_limits.h"
#include "jailer/cgroup/cgroup_place.h"

namespace mayfly::jailer {

// The cgroups of this host, as far as VMs' go. Looks at what is mounted once; makes nothing before
// it is needed. Threading: one thread at a time.
class CgroupTree final {
 public:
  // Errors: errno's.
  [[nodiscard]] static absl::StatusOr<CgroupTree> Find(const CgroupSettings& settings);

  // Whether VMs can be limited in what `controller` does, and how; otherwise why not. Changes
  // nothing.
  [[nodiscard]] ControllerFinding Look(Controller controller) const;

  // A cgroup for a VM that is held to `limits`: in the hierarchies which these need and, where the
  // settings name a parent, in all that have it, whose own limits then hold the VM. Errors:
  // InvalidArgument for bad limits, and for none at all where no parent was named;
  // FailedPrecondition where one cannot be had; errno's. All say what to do.
  [[nodiscard]] absl::StatusOr<Cgroup> Make(const CgroupLimits& limits);

  // Removes what dead owners left where this one makes cgroups.
  [[nodiscard]] Swept SweepAll() const;

 private:
  struct Slot {
    CgroupPlace place;
    std::shared_ptr<CgroupParent> parent;  // once it was needed
  };

  CgroupTree(std::string given_parent, std::vector<Slot> slots)
      : given_parent_(std::move(given_parent)), slots_(std::move(slots)) {}
  [[nodiscard]] const Slot* SlotOf(Controller controller) const;
  // Of `needed`, what one hierarchy has; nothing where no cgroup is to be in it.
  [[nodiscard]] std::optional<ControllerSet> ShareOf(const Slot& slot, ControllerSet needed) const;
  [[nodiscard]] absl::StatusOr<Cgroup::Part> MakePart(Slot& slot, ControllerSet controllers);
  [[nodiscard]] absl::Status WhyNot(ControllerSet controllers, const absl::Status& failure) const;

  std::string given_parent_;
  std::vector<Slot> slots_;
};

}  // namespace mayfly::jailer
