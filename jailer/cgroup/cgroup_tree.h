#pragma once

#include <memory>
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

  // A cgroup for a VM that is held to `limits`, which limit something. Errors: InvalidArgument for
  // bad limits; FailedPrecondition where one cannot be had; errno's. All say what to do.
  [[nodiscard]] absl::StatusOr<Cgroup> Make(const CgroupLimits& limits);

  // Removes what dead owners left where this one makes cgroups.
  [[nodiscard]] Swept SweepAll() const;

 private:
  struct Slot {
    CgroupPlace place;
    std::shared_ptr<CgroupParent> parent;  // once it was needed
  };

  explicit CgroupTree(std::vector<Slot> slots) : slots_(std::move(slots)) {}
  [[nodiscard]] const Slot* SlotOf(Controller controller) const;
  [[nodiscard]] absl::StatusOr<Cgroup::Part> MakePart(Slot& slot, ControllerSet controllers);
  [[nodiscard]] absl::Status WhyNot(ControllerSet controllers, const absl::Status& failure) const;

  std::vector<Slot> slots_;
};

}  // namespace mayfly::jailer
