#include "jailer/cgroup/cgroup_place.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/file_io.h"
#include "base/status.h"
#include "jailer/cgroup/cgroup_parent.h"

namespace mayfly::jailer {
namespace {

constexpr absl::string_view kDefaultName = "/mayfly";
constexpr const char* kNotYours =
    "run mayfly as root, or with systemd-run --user --scope where there is systemd, or name a "
    "cgroup that is yours (--cgroup-parent)";

[[nodiscard]] bool IsThere(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }
[[nodiscard]] bool MayWrite(const std::string& path) { return ::access(path.c_str(), W_OK) == 0; }

// The root of v2's whole tree, which alone may have processes and divide its resources: it lacks
// this file (cgroup-v2.rst).
[[nodiscard]] bool IsRoot(const std::string& directory) {
  return !IsThere(directory + "/cgroup.type");
}

// No process is in the cgroup itself; false where that cannot be told.
[[nodiscard]] bool HasNoProcess(const std::string& directory) {
  const absl::StatusOr<std::string> processes = ReadText(AT_FDCWD, directory + "/cgroup.procs");
  return processes.ok() && processes->empty();
}

[[nodiscard]] ControllerSet ReadControllers(const std::string& path) {
  const absl::StatusOr<std::string> words = ReadText(AT_FDCWD, path);
  return words.ok() ? ControllersOf(*words) : ControllerSet();
}

// Whether this process may make cgroups in it and move children of its own from `directory` or
// below into them (cgroup-v2.rst, "Delegation Containment").
[[nodiscard]] bool IsDelegated(const std::string& directory) {
  return MayWrite(directory) && MayWrite(directory + "/cgroup.procs") &&
         MayWrite(directory + "/cgroup.subtree_control");
}

[[nodiscard]] std::string ClosestThere(std::string path, const std::string& top) {
  while (path.size() > top.size() && !IsThere(path)) path.resize(path.rfind('/'));
  return path;
}

}  // namespace

CgroupSettings CgroupSettings::ForThisProcess() {
  CgroupSettings settings;
  settings.user = ::geteuid() == 0 ? CgroupUser::kRoot : CgroupUser::kOrdinary;
  return settings;
}

CgroupPlace::CgroupPlace(CgroupHierarchy hierarchy, const CgroupSettings& settings)
    : hierarchy_(std::move(hierarchy)),
      path_(settings.parent.empty() ? DefaultPath(settings.user)
                                    : hierarchy_.mount_point + settings.parent) {}

std::string CgroupPlace::DefaultPath(CgroupUser user) const {
  const std::string& top = hierarchy_.mount_point;
  const auto below = [](const std::string& directory) {
    return absl::StrCat(directory, kDefaultName);
  };
  if (user == CgroupUser::kRoot && MayWrite(top)) return below(top);
  if (hierarchy_.own.empty()) return "";
  if (hierarchy_.version == CgroupVersion::kV1) {
    return MayWrite(hierarchy_.own) ? below(hierarchy_.own) : "";
  }
  // A cgroup with processes cannot have its resources divided, and ours has one: this.
  const std::vector<std::string> chain = ChainTo(top, hierarchy_.own);
  for (auto directory = chain.rbegin(); directory != chain.rend(); ++directory) {
    if (!IsDelegated(*directory)) continue;
    if (IsRoot(*directory) || HasNoProcess(*directory)) return below(*directory);
  }
  return "";
}

ControllerFinding CgroupPlace::Look(Controller controller) const {
  ControllerFinding finding;
  finding.version = hierarchy_.version;
  finding.path = path_;
  if (path_.empty()) {
    finding.obstacle = absl::StrCat("no cgroup in ", hierarchy_.mount_point,
                                    " is this user's to divide among VMs");
    finding.remedy = kNotYours;
    return finding;
  }
  const std::string there = ClosestThere(path_, hierarchy_.mount_point);
  if (!MayWrite(there)) {
    const int error = errno;
    finding.obstacle =
        absl::StrCat("cgroups cannot be made in ", there, ": ", std::strerror(error));
    finding.remedy = error == EROFS ? "have it mounted for writing" : kNotYours;
    return finding;
  }
  return hierarchy_.version == CgroupVersion::kV1 ? finding : LookV2(controller);
}

// The first cgroup from the top that does not yet give the controller to those in it decides.
ControllerFinding CgroupPlace::LookV2(Controller controller) const {
  ControllerFinding finding;
  finding.path = path_;
  const absl::string_view name = ToAbsl(NameOf(controller, CgroupVersion::kV2));
  const std::string there = ClosestThere(path_, hierarchy_.mount_point);
  for (const std::string& directory : ChainTo(hierarchy_.mount_point, there)) {
    const std::string control = directory + "/cgroup.subtree_control";
    if (ReadControllers(control).Has(controller)) continue;
    if (!ReadControllers(directory + "/cgroup.controllers").Has(controller)) {
      finding.obstacle = absl::StrCat(directory, " has no ", name, " controller");
      finding.remedy = IsRoot(directory)
                           ? "use a kernel that has it, and no cgroup of version 1 that takes it"
                           : "have it delegated: with systemd, systemctl edit user@.service and "
                             "Delegate=cpu cpuset io memory pids under [Service]";
    } else if (!MayWrite(control)) {
      finding.obstacle =
          absl::StrCat(directory, " does not give its ", name, " controller to cgroups in it");
      finding.remedy = kNotYours;
    } else if (!IsRoot(directory) && !HasNoProcess(directory)) {
      finding.obstacle = absl::StrCat(directory, " has processes, so that it cannot give its ",
                                      name, " controller to cgroups in it");
      finding.remedy =
          "name a cgroup without processes (--cgroup-parent), or move them to one below it";
    }
    break;
  }
  return finding;
}

}  // namespace mayfly::jailer
