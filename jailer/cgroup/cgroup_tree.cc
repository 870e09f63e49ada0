#include "jailer/cgroup/cgroup_tree.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/file_io.h"
#include "base/status.h"

namespace mayfly::jailer {

namespace {

[[nodiscard]] absl::Status CheckParent(const std::string& parent) {
  const bool good = parent.starts_with('/') && !parent.ends_with('/') &&
                    parent.find("//") == std::string::npos &&
                    (parent + "/").find("/../") == std::string::npos &&
                    (parent + "/").find("/./") == std::string::npos;
  if (parent.empty() || good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", parent, "\" is no cgroup's name, as in /fleet or /fleet/mayfly"));
}

}  // namespace

absl::StatusOr<CgroupTree> CgroupTree::Find(const CgroupSettings& settings) {
  MAYFLY_RETURN_IF_ERROR(CheckParent(settings.parent));
  MAYFLY_ASSIGN_OR_RETURN(const std::string mountinfo,
                          ReadText(AT_FDCWD, settings.root + "/proc/self/mountinfo"));
  MAYFLY_ASSIGN_OR_RETURN(const std::string memberships,
                          ReadText(AT_FDCWD, settings.root + "/proc/self/cgroup"));
  std::vector<Slot> slots;
  for (CgroupHierarchy& hierarchy : ParseHierarchies(mountinfo, memberships, settings.root)) {
    slots.push_back({.place = CgroupPlace(std::move(hierarchy), settings), .parent = nullptr});
  }
  return CgroupTree(settings.parent, std::move(slots));
}

// A controller that a hierarchy of v1 has is none of v2's (cgroup-v2.rst, "Mounting").
const CgroupTree::Slot* CgroupTree::SlotOf(Controller controller) const {
  const auto v1 = std::ranges::find_if(
      slots_, [&](const Slot& slot) { return slot.place.hierarchy().controllers.Has(controller); });
  if (v1 != slots_.end()) return &*v1;
  const auto v2 = std::ranges::find_if(slots_, [](const Slot& slot) {
    return slot.place.hierarchy().version == CgroupVersion::kV2;
  });
  return v2 != slots_.end() ? &*v2 : nullptr;
}

ControllerFinding CgroupTree::Look(Controller controller) const {
  if (const Slot* const slot = SlotOf(controller)) return slot->place.Look(controller);
  ControllerFinding finding;
  finding.obstacle = "no cgroups with their controllers are mounted";
  finding.remedy = "mount -t cgroup2 cgroup2 /sys/fs/cgroup";
  return finding;
}

std::optional<ControllerSet> CgroupTree::ShareOf(const Slot& slot, ControllerSet needed) const {
  ControllerSet share;
  for (const Controller controller : kControllers) {
    if (needed.Has(controller) && SlotOf(controller) == &slot) share.Add(controller);
  }
  const bool is_given = !given_parent_.empty() && ::access(slot.place.path().c_str(), F_OK) == 0;
  if (share.empty() && !is_given) return std::nullopt;
  // A cgroup of v1 takes no process before it has CPUs, whatever else is mounted with them.
  if (slot.place.hierarchy().controllers.Has(Controller::kCpuset)) share.Add(Controller::kCpuset);
  return share;
}

absl::StatusOr<Cgroup> CgroupTree::Make(const CgroupLimits& limits) {
  MAYFLY_RETURN_IF_ERROR(limits.Check());
  const ControllerSet needed = limits.Controllers();
  if (needed.empty() && given_parent_.empty()) {
    return absl::InvalidArgumentError("a cgroup: nothing is to be limited");
  }
  std::vector<Cgroup::Part> parts;
  ControllerSet had;
  for (Slot& slot : slots_) {
    const std::optional<ControllerSet> share = ShareOf(slot, needed);
    if (!share) continue;
    absl::StatusOr<Cgroup::Part> part = MakePart(slot, *share);
    if (!part.ok()) return WhyNot(*share, part.status());
    parts.push_back(*std::move(part));
    had.Add(*share);
  }
  if (!had.HasAll(needed)) return WhyNot(needed, absl::NotFoundError("no cgroups are mounted"));
  if (parts.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("there is no cgroup ", given_parent_,
                                                      " to run a VM in; make it, or give limits"));
  }
  return Cgroup::Make(std::move(parts), limits);
}

absl::StatusOr<Cgroup::Part> CgroupTree::MakePart(Slot& slot, ControllerSet controllers) {
  const CgroupPlace& place = slot.place;
  if (place.path().empty()) return absl::PermissionDeniedError("no place for cgroups");
  if (!slot.parent) {
    MAYFLY_ASSIGN_OR_RETURN(slot.parent, CgroupParent::Make(place.hierarchy(), place.path()));
  }
  MAYFLY_RETURN_IF_ERROR(slot.parent->HandDown(controllers));
  MAYFLY_ASSIGN_OR_RETURN(CgroupChild child, CgroupChild::Make(slot.parent));
  return Cgroup::Part{.child = std::move(child), .controllers = controllers};
}

// Looks only where it failed: that takes longer than to try.
absl::Status CgroupTree::WhyNot(ControllerSet controllers, const absl::Status& failure) const {
  for (const Controller controller : kControllers) {
    if (!controllers.Has(controller)) continue;
    const ControllerFinding finding = Look(controller);
    if (finding.usable()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("limiting ", ToAbsl(NameOf(controller, CgroupVersion::kV2)), ": ",
                     finding.obstacle, "; ", finding.remedy));
  }
  return Annotate(failure, "limiting the VM");
}

Swept CgroupTree::SweepAll() const {
  Swept all;
  for (const Slot& slot : slots_) {
    if (slot.place.path().empty()) continue;
    const auto parent = CgroupParent::Open(slot.place.hierarchy(), slot.place.path());
    if (!parent.ok()) continue;
    const Swept swept = Sweep(**parent);
    all.removed += swept.removed;
    all.busy += swept.busy;
  }
  return all;
}

}  // namespace mayfly::jailer
