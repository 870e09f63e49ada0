#include "jailer/cgroup/cgroup_child.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/file_io.h"
#include "base/status.h"
#include "jailer/cgroup/control_file.h"

namespace mayfly::jailer {
namespace {

constexpr std::string_view kNamePrefix = "vm-";
// Who can open something in it can lock it, and so keep it from being swept.
constexpr mode_t kDirectoryMode = 0700;
// Names can be taken by what the dead left, and a fresh cgroup can be swept before it is locked.
// Either ends soon.
constexpr int kMostAttempts = 10'000;

// What is locked, too.
[[nodiscard]] OwnedFd OpenEntrance(const CgroupParent& parent, const std::string& name) {
  if (parent.version() == CgroupVersion::kV2) {
    return OwnedFd(::openat(parent.directory(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  return OwnedFd(::openat(parent.directory(), (name + "/tasks").c_str(), O_WRONLY | O_CLOEXEC));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

[[nodiscard]] std::string NextName() {
  static std::atomic<uint64_t> next{0};
  return absl::StrCat(ToAbsl(kNamePrefix), ::getpid(), "-", next.fetch_add(1));
}

}  // namespace

absl::StatusOr<CgroupChild> CgroupChild::Make(std::shared_ptr<const CgroupParent> parent) {
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    std::string name = NextName();
    if (::mkdirat(parent->directory(), name.c_str(), kDirectoryMode) != 0) {
      if (errno == EEXIST) continue;
      return ErrnoStatus(absl::StrCat("making a cgroup in ", parent->path()));
    }
    OwnedFd entrance = OpenEntrance(*parent, name);
    if (!entrance.valid() && errno != ENOENT && errno != ENODEV) {
      const int error = errno;
      ::unlinkat(parent->directory(), name.c_str(), AT_REMOVEDIR);
      return ErrnoStatus(absl::StrCat("opening the cgroup ", parent->path(), "/", name), error);
    }
    // Another process may have swept it meanwhile, or be about to.
    if (!entrance.valid()) continue;
    if (::flock(entrance.get(), LOCK_SH | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) continue;
      const int error = errno;
      ::unlinkat(parent->directory(), name.c_str(), AT_REMOVEDIR);
      return ErrnoStatus(absl::StrCat("locking the cgroup ", parent->path(), "/", name), error);
    }
    if (::faccessat(parent->directory(), name.c_str(), F_OK, 0) != 0) continue;
    return CgroupChild(std::move(parent), std::move(name), std::move(entrance));
  }
  return absl::UnavailableError(absl::StrCat("making a cgroup in ", parent->path(),
                                             ": all names are taken; remove those of ",
                                             "them that have no process (rmdir)"));
}

CgroupChild::~CgroupChild() {
  if (parent_) (void)Remove();
}

std::string CgroupChild::path() const { return absl::StrCat(parent_->path(), "/", name_); }

int CgroupChild::Write(const std::string& file, std::string_view value) const {
  return WriteControl(parent_->directory(), absl::StrCat(name_, "/", file), value);
}

absl::StatusOr<std::string> CgroupChild::Read(const std::string& file) const {
  return ReadText(parent_->directory(), absl::StrCat(name_, "/", file));
}

absl::Status CgroupChild::Remove() {
  if (name_.empty()) return absl::OkStatus();
  if (::unlinkat(parent_->directory(), name_.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    const int error = errno;
    const std::string what = absl::StrCat("removing the cgroup ", path());
    if (error == EBUSY) return absl::UnavailableError(absl::StrCat(what, ": a process is in it"));
    return ErrnoStatus(what, error);
  }
  name_.clear();
  entrance_.Reset();
  return absl::OkStatus();
}

Swept Sweep(const CgroupParent& parent) {
  Swept swept;
  const std::unique_ptr<DIR, CloseDirectory> entries(::opendir(parent.path().c_str()));
  if (!entries) return swept;
  while (const dirent* const entry = ::readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (!name.starts_with(kNamePrefix)) continue;
    const OwnedFd entrance = OpenEntrance(parent, name);
    if (!entrance.valid() || ::flock(entrance.get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (::unlinkat(parent.directory(), name.c_str(), AT_REMOVEDIR) == 0) {
      ++swept.removed;
    } else if (errno == EBUSY) {
      ++swept.busy;
    }
  }
  return swept;
}

}  // namespace mayfly::jailer
