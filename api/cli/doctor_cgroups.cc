#include "api/cli/doctor_cgroups.h"

#include <fcntl.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_io.h"
#include "base/status.h"
#include "jailer/cgroup/cgroup_tree.h"

namespace mayfly::cli {
namespace {

using Weight = Finding::Weight;

// Creating a VM moves threads between cgroups, which waits for a grace period of RCU unless they
// are told to expect it (cgroup-v2.rst, "Mounting").
void ExamineMount(std::string_view mount, std::vector<Finding>& findings) {
  if (mount.find(" - cgroup2 ") == std::string_view::npos) return;
  if (mount.find("favordynmods") != std::string_view::npos) return;
  constexpr int kFieldsBeforeMountPoint = 4;
  for (int skipped = 0; skipped < kFieldsBeforeMountPoint; ++skipped) {
    mount.remove_prefix(std::min(mount.find(' ') + 1, mount.size()));
  }
  findings.push_back(
      {Weight::kNote,
       "cgroup2 is mounted without favordynmods: a VM created inside a cgroup may "
       "take up to 27 ms more.",
       absl::StrCat("mount -o remount,favordynmods ", ToAbsl(mount.substr(0, mount.find(' '))),
                    " (Linux 6.0 or later)")});
}

void ExamineMounts(const HostPaths& paths, std::vector<Finding>& findings) {
  const auto mounts = ReadText(AT_FDCWD, paths.root + "/proc/self/mountinfo");
  if (!mounts.ok()) return;
  const std::string_view all = *mounts;
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = std::min(all.find('\n', begin), all.size());
    ExamineMount(all.substr(begin, end - begin), findings);
    begin = end + 1;
  }
}

// Controllers of which the same is to be said, named in one sentence.
struct Group {
  std::string controllers;
  std::string about;
  std::string remedy;
};

void AddTo(std::vector<Group>& groups, jailer::Controller controller, std::string about,
           std::string remedy) {
  auto group = std::ranges::find_if(
      groups, [&](const Group& other) { return other.about == about && other.remedy == remedy; });
  if (group == groups.end()) {
    group = groups.insert(groups.end(), {"", std::move(about), std::move(remedy)});
  }
  absl::StrAppend(&group->controllers, group->controllers.empty() ? "" : ", ",
                  ToAbsl(NameOf(controller, jailer::CgroupVersion::kV2)));
}

void ExamineControllers(const jailer::CgroupTree& tree, std::vector<Finding>& findings) {
  std::vector<Group> usable;
  std::vector<Group> others;
  for (const jailer::Controller controller : jailer::kControllers) {
    const jailer::ControllerFinding finding = tree.Look(controller);
    if (finding.usable()) {
      AddTo(usable, controller,
            finding.version == jailer::CgroupVersion::kV1 ? "cgroups of version 1" : finding.path,
            "");
    } else {
      AddTo(others, controller, finding.obstacle, finding.remedy);
    }
  }
  for (const Group& group : usable) {
    findings.push_back(
        {Weight::kGood,
         absl::StrCat("VMs can be limited in ", group.controllers, " (", group.about, ")."), ""});
  }
  for (const Group& group : others) {
    findings.push_back(
        {Weight::kNote,
         absl::StrCat("VMs cannot be limited in ", group.controllers, ": ", group.about, "."),
         group.remedy});
  }
}

}  // namespace

void ExamineCgroups(const HostPaths& paths, std::vector<Finding>& findings) {
  ExamineMounts(paths, findings);
  jailer::CgroupSettings settings = jailer::CgroupSettings::ForThisProcess();
  settings.root = paths.root;
  const absl::StatusOr<jailer::CgroupTree> tree = jailer::CgroupTree::Find(settings);
  if (tree.ok()) {
    ExamineControllers(*tree, findings);
  } else {
    findings.push_back({Weight::kNote,
                        absl::StrCat("VMs cannot be limited: ", tree.status().message(), "."),
                        "mount -t proc proc /proc"});
  }
}

}  // namespace mayfly::cli
