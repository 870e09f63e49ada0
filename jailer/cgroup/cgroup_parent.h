#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "jailer/cgroup/cgroup_hierarchies.h"
#include "jailer/cgroup/controller.h"

namespace mayfly::jailer {

// The words of a control file that lists controllers, as cgroup.subtree_control.
[[nodiscard]] ControllerSet ControllersOf(std::string_view words);

// `path` and the directories above it up to `top`, that one first.
[[nodiscard]] std::vector<std::string> ChainTo(const std::string& top, const std::string& path);

// The cgroup of one hierarchy in which the cgroups of VMs are made: one for all VMs, which stays.
// Threading: one thread at a time.
class CgroupParent final {
 public:
  // Opens the cgroup at `path`, made where it is not there (and those above it, too). Errors:
  // errno's.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<CgroupParent>> Make(
      const CgroupHierarchy& hierarchy, const std::string& path);
  // The same, of what is there. Errors: NotFound, errno's.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<CgroupParent>> Open(
      const CgroupHierarchy& hierarchy, const std::string& path);

  CgroupParent(const CgroupParent&) = delete;
  CgroupParent& operator=(const CgroupParent&) = delete;
  ~CgroupParent() = default;

  [[nodiscard]] CgroupVersion version() const { return version_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // The directory, open for reading.
  [[nodiscard]] int directory() const { return directory_.get(); }

  // Sees to it that cgroups made in here have `controllers`: v2 hands them down through
  // cgroup.subtree_control of all cgroups above; the cpusets of v1 begin without any CPU. Costs
  // nothing the second time. Errors: errno's, with the file.
  [[nodiscard]] absl::Status HandDown(ControllerSet controllers);

 private:
  CgroupParent(const CgroupHierarchy& hierarchy, std::string path, OwnedFd directory)
      : version_(hierarchy.version),
        top_(hierarchy.mount_point),
        path_(std::move(path)),
        directory_(std::move(directory)) {}
  [[nodiscard]] absl::Status HandDownTree(ControllerSet controllers) const;
  [[nodiscard]] absl::Status FillCpusets() const;

  CgroupVersion version_;
  std::string top_;
  std::string path_;
  OwnedFd directory_;
  ControllerSet handed_down_;
};

}  // namespace mayfly::jailer
