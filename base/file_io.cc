#include "base/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/checked.h"
#include "base/owned_fd.h"
#include "base/status.h"

namespace mayfly {
namespace {

// F_RDLCK, F_WRLCK or F_UNLCK.
int SetLock(int fd, int type) {
  struct flock lock {};
  lock.l_type = static_cast<decltype(lock.l_type)>(type);
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd, F_OFD_SETLK, &lock);
}

}  // namespace

absl::StatusOr<uint64_t> FileSize(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return ErrnoStatus("looking at a file");
  if (S_ISREG(info.st_mode)) return static_cast<uint64_t>(info.st_size);
  if (S_ISDIR(info.st_mode)) return absl::InvalidArgumentError("it is a directory: name a file");
  if (!S_ISBLK(info.st_mode)) {
    return absl::InvalidArgumentError("it is neither a regular file nor a block device: name one");
  }
  return FileEnd(fd);
}

absl::StatusOr<uint64_t> FileEnd(int fd) {
  const off_t end = ::lseek(fd, 0, SEEK_END);
  if (end < 0) return ErrnoStatus("looking for the end of a file");
  return static_cast<uint64_t>(end);
}

absl::Status ReadFully(int fd, uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const auto at = CheckedCast<off_t>(offset);
    if (!at) return absl::OutOfRangeError("the offset is beyond any file");
    const ssize_t got = ::pread(fd, out.data(), out.size(), *at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(absl::StrCat("reading at offset ", offset));
    if (got == 0) return absl::OutOfRangeError(absl::StrCat("the file ends at byte ", offset));
    out = out.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

absl::Status WriteFully(int fd, uint64_t offset, std::span<const std::byte> data) {
  while (!data.empty()) {
    const auto at = CheckedCast<off_t>(offset);
    if (!at) return absl::OutOfRangeError("the offset is beyond any file");
    const ssize_t put = ::pwrite(fd, data.data(), data.size(), *at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return ErrnoStatus(absl::StrCat("writing at offset ", offset));
    data = data.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadText(int directory, const std::string& path) {
  const OwnedFd file(::openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return ErrnoStatus(absl::StrCat("opening ", path));
  std::string text;
  std::array<char, 4096> chunk{};
  while (true) {
    const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(absl::StrCat("reading ", path));
    if (got == 0) break;
    text.append(chunk.data(), static_cast<size_t>(got));
  }
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

absl::StatusOr<bool> TryLockFile(int fd, FileLock lock) {
  if (SetLock(fd, lock == FileLock::kExclusive ? F_WRLCK : F_RDLCK) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return ErrnoStatus("locking it");
}

void UnlockFile(int fd) { SetLock(fd, F_UNLCK); }

absl::StatusOr<uint64_t> NextStoredByte(int fd, uint64_t offset, uint64_t end) {
  const off_t at = ::lseek(fd, static_cast<off_t>(offset), SEEK_DATA);
  if (at >= 0) return std::min(end, static_cast<uint64_t>(at));
  if (errno == ENXIO) return end;
  if (errno == EINVAL || errno == EOPNOTSUPP) return offset;
  return ErrnoStatus("looking for data");
}

}  // namespace mayfly
