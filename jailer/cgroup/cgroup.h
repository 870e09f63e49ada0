#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jailer/cgroup/cgroup_child.h"
#include "jailer/cgroup/cgroup_limits.h"

namespace mayfly::jailer {

// What holds one VMM to its limits: a cgroup in each hierarchy that these need. Made by CgroupTree.
// Going, it removes what has no process any more; Sweep() has the rest (cgroup_child.h). Movable
// between threads.
class [[nodiscard]] Cgroup final {
 public:
  // The part of a cgroup that one hierarchy has.
  struct Part {
    CgroupChild child;
    ControllerSet controllers;
  };
  // Sets `limits` in `parts`. Errors: InvalidArgument for CPUs that there are not; errno's, with
  // the limit, the file, the value and what to do.
  [[nodiscard]] static absl::StatusOr<Cgroup> Make(std::vector<Part> parts,
                                                   const CgroupLimits& limits);

  // v2's directory, for CLONE_INTO_CGROUP; -1 where none is needed.
  [[nodiscard]] int directory() const;
  // v1's files to which the new process writes "0" before its exec. Empty where none is needed.
  [[nodiscard]] std::vector<int> tasks() const;
  // Where they are, for people.
  [[nodiscard]] std::vector<std::string> Paths() const;

  // Whether the kernel ended a process in it for want of memory: its own limit's, one's above, or
  // the host's.
  [[nodiscard]] bool OomKilled() const;
  // Errors: Unavailable while a process is in it (the kernel takes some 15 ms to free a VMM);
  // errno's otherwise.
  [[nodiscard]] absl::Status Remove();

 private:
  explicit Cgroup(std::vector<Part> parts) : parts_(std::move(parts)) {}

  std::vector<Part> parts_;
};

}  // namespace mayfly::jailer
