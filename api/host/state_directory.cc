#include "api/host/state_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::api {
namespace {

constexpr mode_t kOurs = 0700;

// Whether `path` still means what is open: whoever had it locked may have removed it.
[[nodiscard]] bool IsAt(const std::string& path, int directory) {
  struct stat there {};
  struct stat here {};
  return ::stat(path.c_str(), &there) == 0 && ::fstat(directory, &here) == 0 &&
         there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

}  // namespace

absl::StatusOr<StateDirectory> StateDirectory::Lock(const std::string& socket) {
  const std::string path = socket + ".d";
  while (true) {
    if (::mkdir(path.c_str(), kOurs) != 0 && errno != EEXIST) {
      return ErrnoStatus(absl::StrCat("making the directory ", path));
    }
    OwnedFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory.valid() && errno == ENOENT) continue;
    if (!directory.valid()) return ErrnoStatus(absl::StrCat("opening the directory ", path));
    struct stat status {};
    if (::fstat(directory.get(), &status) != 0 || status.st_uid != ::geteuid() ||
        (status.st_mode & ~kOurs & ACCESSPERMS) != 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          path, " is another's, or others may use it; remove it, or chmod 0700 ", path));
    }
    if (::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return ErrnoStatus(absl::StrCat("locking ", path));
      return absl::FailedPreconditionError(
          absl::StrCat("a mayflyd serves ", socket, " already; stop it, or choose another socket"));
    }
    if (IsAt(path, directory.get())) return StateDirectory(path, std::move(directory));
  }
}

StateDirectory::~StateDirectory() {
  if (directory_.valid()) ::rmdir(path_.c_str());
}

}  // namespace mayfly::api
