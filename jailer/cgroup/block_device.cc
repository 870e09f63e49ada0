#include "jailer/cgroup/block_device.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace mayfly::jailer {

absl::StatusOr<BlockDevice> BlockDevice::At(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return ErrnoStatus(absl::StrCat("looking at ", path));
  if (!S_ISBLK(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, " is not a block device; give the disk that holds it (lsblk lists them)"));
  }
  const BlockDevice device{.major = major(info.st_rdev), .minor = minor(info.st_rdev)};
  // sysfs says so of partitions only (Documentation/ABI/stable/sysfs-block).
  if (::access(absl::StrCat("/sys/dev/block/", device.Text(), "/partition").c_str(), F_OK) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is a partition; whole disks can be limited (lsblk lists them)"));
  }
  return device;
}

std::string BlockDevice::Text() const { return absl::StrCat(major, ":", minor); }

}  // namespace mayfly::jailer
