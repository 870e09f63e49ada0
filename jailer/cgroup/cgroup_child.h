#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "jailer/cgroup/cgroup_parent.h"

namespace mayfly::jailer {

// A VM's cgroup in one hierarchy. It is locked (flock(2)) as long as this object lives, and no
// longer than this process: what is not locked has no owner any more, and may go (Sweep()). Going,
// it removes the cgroup; where the VMM's process is still there, it leaves that to Sweep().
class [[nodiscard]] CgroupChild final {
 public:
  // Makes one with a name of its own. Errors: errno's.
  [[nodiscard]] static absl::StatusOr<CgroupChild> Make(std::shared_ptr<const CgroupParent> parent);

  CgroupChild(CgroupChild&& other) noexcept = default;
  CgroupChild& operator=(CgroupChild&& other) noexcept = delete;
  CgroupChild(const CgroupChild&) = delete;
  CgroupChild& operator=(const CgroupChild&) = delete;
  ~CgroupChild();

  [[nodiscard]] CgroupVersion version() const { return parent_->version(); }
  [[nodiscard]] const CgroupParent& parent() const { return *parent_; }
  [[nodiscard]] std::string path() const;
  // What gets a process in: v2's directory, for CLONE_INTO_CGROUP; v1's `tasks`, for the process
  // to write "0" to. (Not cgroup.procs: it moves whole processes, and waits for a grace period of
  // RCU to see that no thread of theirs comes or goes: 10 ms where it was measured, against 0.03 of
  // `tasks`, which moves the writing thread alone.)
  [[nodiscard]] int entrance() const { return entrance_.get(); }

  // 0 or an errno.
  [[nodiscard]] int Write(const std::string& file, std::string_view value) const;
  [[nodiscard]] absl::StatusOr<std::string> Read(const std::string& file) const;

  // Errors: Unavailable while a process is in it; errno's otherwise.
  [[nodiscard]] absl::Status Remove();

 private:
  CgroupChild(std::shared_ptr<const CgroupParent> parent, std::string name, OwnedFd entrance)
      : parent_(std::move(parent)), name_(std::move(name)), entrance_(std::move(entrance)) {}

  std::shared_ptr<const CgroupParent> parent_;  // none when moved from
  std::string name_;                            // empty when removed
  OwnedFd entrance_;
};

// How many cgroups of dead owners were removed, and could not be because a process was left.
struct Swept {
  size_t removed = 0;
  size_t busy = 0;
};

// Removes what owners that are dead left in `parent`. Cgroups of living ones are untouched, empty
// or not.
[[nodiscard]] Swept Sweep(const CgroupParent& parent);

}  // namespace mayfly::jailer
