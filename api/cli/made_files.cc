#include "api/cli/made_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "base/file_io.h"

namespace mayfly::cli {

OwnedFd MadeFiles::Make(const std::string& path, int access, mode_t mode) {
  // O_EXCL: only what was made here is ours to remove.
  OwnedFd made(::open(path.c_str(), access | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!made.valid()) return made;
  // Of the same open file, so that a lock of whoever gets it does not keep us from removing it.
  OwnedFd ours(::fcntl(made.get(), F_DUPFD_CLOEXEC, 0));
  if (ours.valid()) files_.push_back({.path = path, .fd = std::move(ours)});
  return made;
}

void MadeFiles::Remove() {
  for (const File& file : files_) {
    if (TryLockFile(file.fd.get(), FileLock::kExclusive).value_or(false)) {
      ::unlink(file.path.c_str());
    }
  }
  files_.clear();
}

}  // namespace mayfly::cli
