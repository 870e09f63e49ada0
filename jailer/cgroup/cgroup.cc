#include "jailer/cgroup/cgroup.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file_io.h"
#include "base/status.h"
#include "jailer/cgroup/control_write.h"

namespace mayfly::jailer {
namespace {

// The number of `key` in a file of "KEY NUMBER" lines; 0 where it has none.
[[nodiscard]] uint64_t CountOf(std::string_view text, std::string_view key) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!line.starts_with(key) || line.substr(key.size(), 1) != " ") continue;
    line.remove_prefix(key.size() + 1);
    uint64_t count = 0;
    return absl::SimpleAtoi(ToAbsl(line), &count) ? count : 0;
  }
  return 0;
}

// v2 takes CPUs that its parent does not have for none at all, and v1 refuses them without a word.
[[nodiscard]] absl::Status CheckCpus(const CpuList& wanted, const CgroupParent& parent) {
  const char* const file =
      parent.version() == CgroupVersion::kV2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus";
  MAYFLY_ASSIGN_OR_RETURN(const std::string text, ReadText(parent.directory(), file));
  const absl::StatusOr<CpuList> available = CpuList::Parse(text);
  if (available.ok() && wanted.IsWithin(*available)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("of the CPUs ", wanted.Text(), ", ", parent.path(),
                                                 " has only \"", text, "\"; give some of these"));
}

[[nodiscard]] absl::Status Explain(const ControlWrite& write, Controller controller,
                                   const CgroupChild& child, int error) {
  const std::string_view remedy = RemedyFor(controller, error);
  const absl::Status status = ErrnoStatus(
      absl::StrCat("limiting ", ToAbsl(NameOf(controller, CgroupVersion::kV2)), ": writing \"",
                   write.value, "\" to ", child.path(), "/", write.file),
      error);
  return remedy.empty()
             ? status
             : absl::Status(status.code(), absl::StrCat(status.message(), "; ", ToAbsl(remedy)));
}

// v1's cpusets begin with nothing, and no process gets in: what is not said is as in the parent.
[[nodiscard]] absl::StatusOr<std::vector<ControlWrite>> CpusetWrites(CgroupLimits limits,
                                                                     const CgroupChild& child) {
  const CgroupParent& parent = child.parent();
  if (limits.cpuset) MAYFLY_RETURN_IF_ERROR(CheckCpus(*limits.cpuset, parent));
  std::string memory_nodes;
  if (child.version() == CgroupVersion::kV1) {
    MAYFLY_ASSIGN_OR_RETURN(memory_nodes, ReadText(parent.directory(), "cpuset.mems"));
    if (!limits.cpuset) {
      MAYFLY_ASSIGN_OR_RETURN(const std::string cpus, ReadText(parent.directory(), "cpuset.cpus"));
      MAYFLY_ASSIGN_OR_RETURN(limits.cpuset, CpuList::Parse(cpus));
    }
  }
  return WritesFor(limits, Controller::kCpuset, child.version(), memory_nodes);
}

[[nodiscard]] absl::Status SetLimits(const CgroupLimits& limits, Controller controller,
                                     const CgroupChild& child) {
  std::vector<ControlWrite> writes;
  if (controller == Controller::kCpuset) {
    MAYFLY_ASSIGN_OR_RETURN(writes, CpusetWrites(limits, child));
  } else {
    writes = WritesFor(limits, controller, child.version(), "");
  }
  for (const ControlWrite& write : writes) {
    const int error = child.Write(write.file, write.value);
    if (error == 0) continue;
    if (error == ENOENT && write.need == ControlWrite::Need::kWhereThere) continue;
    return Explain(write, controller, child, error);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Cgroup> Cgroup::Make(std::vector<Part> parts, const CgroupLimits& limits) {
  for (const Part& part : parts) {
    for (const Controller controller : kControllers) {
      if (!part.controllers.Has(controller)) continue;
      MAYFLY_RETURN_IF_ERROR(SetLimits(limits, controller, part.child));
    }
  }
  return Cgroup(std::move(parts));
}

int Cgroup::directory() const {
  for (const Part& part : parts_) {
    if (part.child.version() == CgroupVersion::kV2) return part.child.entrance();
  }
  return -1;
}

std::vector<int> Cgroup::tasks() const {
  std::vector<int> files;
  for (const Part& part : parts_) {
    if (part.child.version() == CgroupVersion::kV1) files.push_back(part.child.entrance());
  }
  return files;
}

std::vector<std::string> Cgroup::Paths() const {
  std::vector<std::string> paths;
  for (const Part& part : parts_) paths.push_back(part.child.path());
  return paths;
}

bool Cgroup::OomKilled() const {
  for (const Part& part : parts_) {
    const absl::StatusOr<std::string> text = part.child.Read(
        part.child.version() == CgroupVersion::kV2 ? "memory.events" : "memory.oom_control");
    if (text.ok() && CountOf(*text, "oom_kill") != 0) return true;
  }
  return false;
}

absl::Status Cgroup::Remove() {
  absl::Status result;
  for (Part& part : parts_) result.Update(part.child.Remove());
  return result;
}

}  // namespace mayfly::jailer
