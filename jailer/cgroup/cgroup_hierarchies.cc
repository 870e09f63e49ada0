#include "jailer/cgroup/cgroup_hierarchies.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::jailer {
namespace {

// Takes what comes before the next `separator`, and both away; all of it where there is none.
std::string_view TakeUntil(std::string_view& text, std::string_view separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + separator.size(), text.size()));
  return taken;
}

// The kernel writes space, tab, newline and backslash as a backslash and three octal digits.
[[nodiscard]] std::string Unescape(std::string_view text) {
  constexpr size_t kDigits = 3;
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || text.size() - i <= kDigits) {
      plain += text[i];
      continue;
    }
    unsigned byte = 0;
    for (size_t digit = 0; digit < kDigits; ++digit) {
      byte = byte * 8 + static_cast<unsigned>(text[++i] - '0');
    }
    plain += static_cast<char>(byte);
  }
  return plain;
}

[[nodiscard]] ControllerSet ControllersIn(std::string_view list) {
  ControllerSet controllers;
  while (!list.empty()) {
    const std::string_view name = TakeUntil(list, ",");
    for (const Controller controller : kControllers) {
      if (name == NameOf(controller, CgroupVersion::kV1)) controllers.Add(controller);
    }
  }
  return controllers;
}

// The path of this process in the hierarchy of these controllers: a line is
// "ID:CONTROLLERS:PATH", and v2's list is empty.
[[nodiscard]] std::optional<std::string_view> OwnPath(std::string_view memberships,
                                                      CgroupVersion version,
                                                      ControllerSet controllers) {
  while (!memberships.empty()) {
    std::string_view path = TakeUntil(memberships, "\n");
    (void)TakeUntil(path, ":");
    const std::string_view list = TakeUntil(path, ":");
    if (version == CgroupVersion::kV2 ? list.empty() : ControllersIn(list) == controllers) {
      return path;
    }
  }
  return std::nullopt;
}

// `path` below the part of the hierarchy that is mounted; none where it is outside.
[[nodiscard]] std::optional<std::string_view> Below(std::string_view mounted,
                                                    std::string_view path) {
  if (mounted == "/") mounted = "";
  if (!path.starts_with(mounted)) return std::nullopt;
  path.remove_prefix(mounted.size());
  if (path == "/") return "";
  if (!path.empty() && path.front() != '/') return std::nullopt;
  // Of a cgroup namespace's outside, "/../x" is told.
  if (path.starts_with("/..")) return std::nullopt;
  return path;
}

}  // namespace

std::vector<CgroupHierarchy> ParseHierarchies(std::string_view mountinfo,
                                              std::string_view memberships, std::string_view root) {
  std::vector<CgroupHierarchy> found;
  while (!mountinfo.empty()) {
    // ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS TAG... - TYPE SOURCE SUPER-OPTIONS
    std::string_view super = TakeUntil(mountinfo, "\n");
    std::string_view mount = TakeUntil(super, " - ");
    const std::string_view type = TakeUntil(super, " ");
    if (type != "cgroup" && type != "cgroup2") continue;
    (void)TakeUntil(super, " ");
    for (int skipped = 0; skipped < 3; ++skipped) (void)TakeUntil(mount, " ");
    const std::string mounted = Unescape(TakeUntil(mount, " "));

    CgroupHierarchy hierarchy;
    hierarchy.mount_point = absl::StrCat(ToAbsl(root), Unescape(TakeUntil(mount, " ")));
    hierarchy.version = type == "cgroup2" ? CgroupVersion::kV2 : CgroupVersion::kV1;
    if (hierarchy.version == CgroupVersion::kV1) {
      hierarchy.controllers = ControllersIn(super);
      if (hierarchy.controllers.empty()) continue;
    }
    const bool known = std::ranges::any_of(found, [&](const CgroupHierarchy& other) {
      return other.version == hierarchy.version && other.controllers == hierarchy.controllers;
    });
    if (known) continue;
    if (const auto path = OwnPath(memberships, hierarchy.version, hierarchy.controllers)) {
      if (const auto below = Below(mounted, *path)) {
        hierarchy.own = absl::StrCat(hierarchy.mount_point, ToAbsl(*below));
      }
    }
    found.push_back(std::move(hierarchy));
  }
  return found;
}

}  // namespace mayfly::jailer
