#include "virtio/block/disk/disk_file.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checked.h"
#include "base/file_io.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

// Beyond it the jail lets nothing be written (RLIMIT_FSIZE in jailer/privileges.cc, which has room
// for an overlay's map, too).
constexpr uint64_t kLargestDisk = uint64_t{16} << 40;
// What file systems use for their blocks; a hint, which is all the driver takes it for.
constexpr uint32_t kFileBlockSize = 4096;
// What a file needs for O_DIRECT where it cannot be asked: enough for every device there is.
constexpr uint32_t kSafeAlignment = 4096;

uint32_t DevicePhysicalBlockSize(int fd) {
  unsigned size = 0;
  const bool known = ::ioctl(fd, BLKPBSZGET, &size) == 0;
  return known && std::has_single_bit(size) && size >= kSectorSize ? size : kFileBlockSize;
}

// Devices that cannot discard say so before they look at the range, which is not one of sectors.
bool DeviceDiscards(int fd) {
  std::array<uint64_t, 2> range = {1, kSectorSize};
  return ::ioctl(fd, BLKDISCARD, range.data()) == 0 || errno != EOPNOTSUPP;
}

// File systems that cannot punch holes say so before they find that there is nothing behind the
// end.
bool FileDiscards(int fd, uint64_t size) {
  const auto end = CheckedCast<off_t>(size);
  constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  return end && (::fallocate(fd, kMode, *end, kSectorSize) == 0 || errno != EOPNOTSUPP);
}

}  // namespace

absl::StatusOr<DiskFile> DiskFile::Open(OwnedFd fd, const Options& options, std::string_view name) {
  DiskFile file(std::move(fd), options, name);
  // The kind of file first: a directory can only be opened for reading, which is not what is wrong
  // with it.
  if (const auto size = FileSize(file.fd()); !size.ok()) {
    return Annotate(size.status(), file.name_ + " cannot be used");
  }
  MAYFLY_ASSIGN_OR_RETURN(file.capacity_, file.CheckSize());
  MAYFLY_ASSIGN_OR_RETURN(const unsigned flags, file.CheckMode());
  MAYFLY_RETURN_IF_ERROR(file.Lock());
  struct stat info {};
  file.is_block_device_ = ::fstat(file.fd(), &info) == 0 && S_ISBLK(info.st_mode);
  file.FindBlockSizes();
  MAYFLY_RETURN_IF_ERROR(file.SetCaching(flags));
  return file;
}

DiskFile::DiskFile(OwnedFd fd, const Options& options, std::string_view name)
    : fd_(std::move(fd)), options_(options), name_(absl::StrCat("disk \"", ToAbsl(name), "\"")) {}

void DiskFile::Close() {
  if (!fd_.valid()) return;
  // Closing is not enough: whoever passed the descriptor may hold another one of the same open
  // file, and so the lock.
  UnlockFile(fd_.get());
  fd_.Reset();
}

absl::StatusOr<unsigned> DiskFile::CheckMode() const {
  const int got = ::fcntl(fd(), F_GETFL);
  if (got < 0) return ErrnoStatus(absl::StrCat(name_, ": looking at how it was opened"));
  const auto flags = static_cast<unsigned>(got);
  const auto mode = flags & O_ACCMODE;
  if (access() == BlockAccess::kReadWrite && mode != O_RDWR) {
    return absl::PermissionDeniedError(
        absl::StrCat(name_, " was opened for reading only: attach it read-only, or get ",
                     "permission to write the file"));
  }
  if (mode == O_WRONLY) {
    return absl::PermissionDeniedError(
        absl::StrCat(name_, " was opened for writing only: open it for reading too"));
  }
  // pwrite(2), BUGS: with O_APPEND Linux writes at the end, whatever the offset.
  if ((flags & O_APPEND) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, " was opened for appending: open it without O_APPEND"));
  }
  return flags;
}

absl::StatusOr<uint64_t> DiskFile::CheckSize() const {
  const absl::StatusOr<uint64_t> size = FileEnd(fd());
  if (!size.ok()) return Annotate(size.status(), name_);
  if (*size == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, " is empty: give it a size (truncate --size=1G FILE)"));
  }
  if (*size > kLargestDisk) {
    return absl::InvalidArgumentError(absl::StrCat(
        name_, " has ", *size, " bytes, more than the 16 TiB a disk can have: make it smaller, or ",
        "divide it"));
  }
  const uint64_t unit = std::max<uint64_t>(kSectorSize, offset_alignment_);
  if (*size % unit != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, " has ", *size, " bytes, which is not a multiple of ", unit,
                     ": it is not a raw disk image, or was cut off (truncate --size=%", unit,
                     " FILE rounds it up)"));
  }
  return *size;
}

absl::Status DiskFile::Lock() const {
  const bool writer = access() == BlockAccess::kReadWrite;
  const absl::StatusOr<bool> locked =
      TryLockFile(fd(), writer ? FileLock::kExclusive : FileLock::kShared);
  if (!locked.ok()) return Annotate(locked.status(), name_);
  if (*locked) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(name_, " is in use by another VM: ",
                   writer ? "end that one, attach the disk read-only to both, or give each a copy"
                          : "it may write the disk; end that one, or give each a copy"));
}

void DiskFile::FindBlockSizes() {
  physical_block_size_ = is_block_device_ ? DevicePhysicalBlockSize(fd()) : kFileBlockSize;
  if (access() == BlockAccess::kReadOnly) return;
  const bool discards = is_block_device_ ? DeviceDiscards(fd()) : FileDiscards(fd(), capacity_);
  if (discards) discard_granularity_ = physical_block_size_;
}

absl::Status DiskFile::SetCaching(unsigned flags) {
  const bool direct = caching() == DiskCaching::kDirect;
  // Without O_NONBLOCK: io_uring would take it for a wish not to wait for the disk, and say EAGAIN.
  const unsigned wanted =
      (flags & ~unsigned{O_DIRECT | O_NONBLOCK}) | (direct ? unsigned{O_DIRECT} : 0);
  if (wanted != flags && ::fcntl(fd(), F_SETFL, wanted) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, " lies on a file system without O_DIRECT: use the host's cache"));
  }
  if (!direct) return absl::OkStatus();
  FindAlignment();
  return CheckSize().status();  // now that the unit is known
}

// statx(2), STATX_DIOALIGN: since Linux 6.1, for block devices and most file systems.
void DiskFile::FindAlignment() {
  memory_alignment_ = kSafeAlignment;
  offset_alignment_ = kSafeAlignment;
  struct statx info {};
  unsigned sector = 0;
  if (::statx(fd(), "", AT_EMPTY_PATH, STATX_DIOALIGN, &info) == 0 &&
      (info.stx_mask & STATX_DIOALIGN) != 0 && std::has_single_bit(info.stx_dio_mem_align) &&
      std::has_single_bit(info.stx_dio_offset_align)) {
    memory_alignment_ = info.stx_dio_mem_align;
    offset_alignment_ = info.stx_dio_offset_align;
  } else if (is_block_device_ && ::ioctl(fd(), BLKSSZGET, &sector) == 0 &&
             std::has_single_bit(sector)) {
    memory_alignment_ = sector;
    offset_alignment_ = sector;
  }
}

bool DiskFile::IsAlignedFor(const BlockRequest& request) const {
  // With the host's cache, and with the sectors that most direct files have, little is to be asked.
  if (memory_alignment_ == 1 && offset_alignment_ == 1) return true;
  return IsAligned<uint64_t>(request.offset | request.length, offset_alignment_) &&
         std::ranges::all_of(request.buffers, [this](const iovec& piece) {
           return IsAligned<uint64_t>(std::bit_cast<uintptr_t>(piece.iov_base),
                                      memory_alignment_) &&
                  IsAligned<uint64_t>(piece.iov_len, offset_alignment_);
         });
}

absl::StatusOr<uint64_t> DiskFile::RefreshCapacity() {
  MAYFLY_ASSIGN_OR_RETURN(capacity_, CheckSize());
  return capacity_;
}

}  // namespace mayfly::virtio
