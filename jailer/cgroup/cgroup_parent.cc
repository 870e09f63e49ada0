#include "jailer/cgroup/cgroup_parent.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/file_io.h"
#include "base/status.h"
#include "jailer/cgroup/control_file.h"

namespace mayfly::jailer {
namespace {

constexpr mode_t kDirectoryMode = 0755;

[[nodiscard]] absl::Status Write(const std::string& path, std::string_view value) {
  const int error = WriteControl(AT_FDCWD, path, value);
  if (error == 0) return absl::OkStatus();
  return ErrnoStatus(absl::StrCat("writing \"", ToAbsl(value), "\" to ", path), error);
}

[[nodiscard]] absl::Status MakeDirectories(const std::string& top, const std::string& path) {
  for (const std::string& directory : ChainTo(top, path)) {
    if (::mkdir(directory.c_str(), kDirectoryMode) == 0 || errno == EEXIST) continue;
    return ErrnoStatus(absl::StrCat("making the cgroup ", directory));
  }
  return absl::OkStatus();
}

}  // namespace

ControllerSet ControllersOf(std::string_view words) {
  ControllerSet controllers;
  while (!words.empty()) {
    const size_t end = std::min(words.find(' '), words.size());
    for (const Controller controller : kControllers) {
      if (words.substr(0, end) == NameOf(controller, CgroupVersion::kV2)) {
        controllers.Add(controller);
      }
    }
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return controllers;
}

std::vector<std::string> ChainTo(const std::string& top, const std::string& path) {
  std::vector<std::string> chain = {top};
  for (size_t end = top.size(); end < path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    chain.push_back(path.substr(0, end));
  }
  return chain;
}

absl::StatusOr<std::shared_ptr<CgroupParent>> CgroupParent::Open(const CgroupHierarchy& hierarchy,
                                                                 const std::string& path) {
  OwnedFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return ErrnoStatus(absl::StrCat("opening the cgroup ", path));
  // Its constructor is nobody else's.
  return std::shared_ptr<CgroupParent>(new CgroupParent(hierarchy, path, std::move(directory)));
}

absl::StatusOr<std::shared_ptr<CgroupParent>> CgroupParent::Make(const CgroupHierarchy& hierarchy,
                                                                 const std::string& path) {
  auto parent = Open(hierarchy, path);
  if (parent.status().code() != absl::StatusCode::kNotFound) return parent;
  MAYFLY_RETURN_IF_ERROR(MakeDirectories(hierarchy.mount_point, path));
  return Open(hierarchy, path);
}

absl::Status CgroupParent::HandDown(ControllerSet controllers) {
  if (handed_down_.HasAll(controllers)) return absl::OkStatus();
  if (version_ == CgroupVersion::kV1) {
    if (controllers.Has(Controller::kCpuset)) MAYFLY_RETURN_IF_ERROR(FillCpusets());
    handed_down_.Add(controllers);
    return absl::OkStatus();
  }
  MAYFLY_ASSIGN_OR_RETURN(const std::string enabled,
                          ReadText(directory_.get(), "cgroup.subtree_control"));
  handed_down_ = ControllersOf(enabled);
  if (handed_down_.HasAll(controllers)) return absl::OkStatus();
  MAYFLY_RETURN_IF_ERROR(HandDownTree(controllers));
  handed_down_.Add(controllers);
  return absl::OkStatus();
}

absl::Status CgroupParent::HandDownTree(ControllerSet controllers) const {
  for (const std::string& directory : ChainTo(top_, path_)) {
    const std::string control = directory + "/cgroup.subtree_control";
    MAYFLY_ASSIGN_OR_RETURN(const std::string text, ReadText(AT_FDCWD, control));
    const ControllerSet enabled = ControllersOf(text);
    std::string line;
    for (const Controller controller : kControllers) {
      if (!controllers.Has(controller) || enabled.Has(controller)) continue;
      absl::StrAppend(&line, line.empty() ? "+" : " +",
                      ToAbsl(NameOf(controller, CgroupVersion::kV2)));
    }
    if (line.empty()) continue;
    MAYFLY_RETURN_IF_ERROR(Write(control, line));
  }
  return absl::OkStatus();
}

absl::Status CgroupParent::FillCpusets() const {
  const std::vector<std::string> chain = ChainTo(top_, path_);
  for (size_t i = 1; i < chain.size(); ++i) {
    for (const char* const file : {"/cpuset.cpus", "/cpuset.mems"}) {
      MAYFLY_ASSIGN_OR_RETURN(const std::string own, ReadText(AT_FDCWD, chain[i] + file));
      if (!own.empty()) continue;
      MAYFLY_ASSIGN_OR_RETURN(const std::string above, ReadText(AT_FDCWD, chain[i - 1] + file));
      MAYFLY_RETURN_IF_ERROR(Write(chain[i] + file, above));
    }
  }
  return absl::OkStatus();
}

}  // namespace mayfly::jailer
