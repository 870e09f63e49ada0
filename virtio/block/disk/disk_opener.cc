#include "virtio/block/disk/disk_opener.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "virtio/block/disk/raw_disk.h"
#include "virtio/block/disk/uring.h"
#include "virtio/block/disk/uring_disk.h"

namespace mayfly::virtio {

absl::StatusOr<std::unique_ptr<BlockBackend>> OpenDisk(OwnedFd fd, const DiskFile::Options& options,
                                                       DiskEngine engine, std::string_view name,
                                                       EventLoop& io) {
  MAYFLY_ASSIGN_OR_RETURN(DiskFile file, DiskFile::Open(std::move(fd), options, name));
  if (engine != DiskEngine::kSync) {
    absl::StatusOr<std::unique_ptr<Uring>> uring = Uring::Create(UringDisk::kEntries, file.fd());
    if (uring.ok()) return UringDisk::Create(std::move(file), *std::move(uring), io);
    if (engine == DiskEngine::kUring) {
      return Annotate(uring.status(), absl::StrCat("disk \"", ToAbsl(name), "\""));
    }
  }
  return RawDisk::Create(std::move(file));
}

}  // namespace mayfly::virtio
