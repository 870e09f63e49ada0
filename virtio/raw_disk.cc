#include "virtio/raw_disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checked.h"
#include "base/file_io.h"
#include "base/status.h"
#include "virtio/buffers.h"

namespace mayfly::virtio {
namespace {

// What file systems use for their blocks; a hint, which is all the driver takes it for.
constexpr uint32_t kFileBlockSize = 4096;

std::string Quoted(std::string_view name) { return absl::StrCat("disk \"", ToAbsl(name), "\""); }

absl::Status CheckMode(int fd, BlockAccess access, std::string_view name) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return ErrnoStatus(absl::StrCat(Quoted(name), ": looking at how it was opened"));
  const auto mode = static_cast<unsigned>(flags) & O_ACCMODE;
  if (access == BlockAccess::kReadWrite && mode != O_RDWR) {
    return absl::PermissionDeniedError(
        absl::StrCat(Quoted(name), " was opened for reading only: attach it read-only, or get ",
                     "permission to write the file"));
  }
  if (mode == O_WRONLY) {
    return absl::PermissionDeniedError(
        absl::StrCat(Quoted(name), " was opened for writing only: open it for reading too"));
  }
  // pwrite(2), BUGS: with O_APPEND Linux writes at the end, whatever the offset.
  if ((static_cast<unsigned>(flags) & O_APPEND) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(name), " was opened for appending: open it without O_APPEND"));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> CheckSize(int fd, std::string_view name) {
  const absl::StatusOr<uint64_t> size = FileSize(fd);
  if (!size.ok()) return Annotate(size.status(), Quoted(name) + " cannot be used");
  if (*size == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(name), " is empty: give it a size (truncate --size=1G FILE)"));
  }
  if (*size % kSectorSize != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(name), " has ", *size, " bytes, which is not a multiple of ",
                     kSectorSize, ": it is not a raw disk image, or was cut off (truncate --size=%",
                     kSectorSize, " FILE rounds it up)"));
  }
  return *size;
}

// Takes (F_RDLCK, F_WRLCK) or gives up (F_UNLCK) the lock on the whole file.
int SetLock(int fd, int type) {
  struct flock lock {};
  lock.l_type = static_cast<decltype(lock.l_type)>(type);
  lock.l_whence = SEEK_SET;
  return ::fcntl(fd, F_OFD_SETLK, &lock);
}

absl::Status Lock(int fd, BlockAccess access, std::string_view name) {
  const bool writer = access == BlockAccess::kReadWrite;
  if (SetLock(fd, writer ? F_WRLCK : F_RDLCK) == 0) return absl::OkStatus();
  if (errno != EAGAIN && errno != EACCES) return ErrnoStatus(Quoted(name) + ": locking it");
  return absl::FailedPreconditionError(
      absl::StrCat(Quoted(name), " is in use by another VM: ",
                   writer ? "end that one, attach the disk read-only to both, or give each a copy"
                          : "it may write the disk; end that one, or give each a copy"));
}

uint32_t PhysicalBlockSize(int fd) {
  unsigned size = 0;
  if (::ioctl(fd, BLKPBSZGET, &size) != 0) return kFileBlockSize;  // a regular file
  return std::has_single_bit(size) && size >= kSectorSize ? size : kFileBlockSize;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RawDisk>> RawDisk::Open(OwnedFd fd, BlockAccess access,
                                                       std::string_view name) {
  // The kind of file first: a directory can only be opened for reading, which is not what is wrong
  // with it.
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t capacity, CheckSize(fd.get(), name));
  MAYFLY_RETURN_IF_ERROR(CheckMode(fd.get(), access, name));
  MAYFLY_RETURN_IF_ERROR(Lock(fd.get(), access, name));
  const uint32_t physical_block_size = PhysicalBlockSize(fd.get());
  return std::make_unique<RawDisk>(Passkey(), std::move(fd), access, capacity, physical_block_size);
}

RawDisk::RawDisk(Passkey, OwnedFd fd, BlockAccess access, uint64_t capacity,
                 uint32_t physical_block_size)
    : fd_(std::move(fd)),
      access_(access),
      capacity_(capacity),
      physical_block_size_(physical_block_size) {}

RawDisk::~RawDisk() { RawDisk::Close(); }

void RawDisk::Close() {
  if (!fd_.valid()) return;
  // Closing is not enough: whoever passed the descriptor may hold another one of the same open
  // file, and so the lock.
  SetLock(fd_.get(), F_UNLCK);
  fd_.Reset();
}

void RawDisk::Submit(BlockRequest& request, BlockCompletion& completion) {
  completion.OnCompleted(request, Perform(request));
}

int RawDisk::Perform(const BlockRequest& request) const {
  switch (request.operation) {
    case BlockOperation::kRead:
    case BlockOperation::kWrite:
      return Transfer(request);
    case BlockOperation::kFlush:
      return Flush();
  }
  return EOPNOTSUPP;
}

int RawDisk::Transfer(const BlockRequest& request) const {
  const bool read = request.operation == BlockOperation::kRead;
  const int flags = request.durability == BlockDurability::kStable ? RWF_DSYNC : 0;
  std::span<iovec> buffers = request.buffers;
  uint64_t offset = request.offset;
  while (!buffers.empty()) {
    const int count = static_cast<int>(buffers.size());
    const auto at = static_cast<off_t>(offset);
    const ssize_t moved = read ? ::preadv(fd_.get(), buffers.data(), count, at)
                               : ::pwritev2(fd_.get(), buffers.data(), count, at, flags);
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return errno;
    if (moved == 0) return EIO;  // the file was cut off under us
    buffers = WithoutFront(buffers, static_cast<size_t>(moved));
    offset += static_cast<uint64_t>(moved);
  }
  return 0;
}

int RawDisk::Flush() const {
  while (::fdatasync(fd_.get()) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace mayfly::virtio
