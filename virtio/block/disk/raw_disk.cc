#include "virtio/block/disk/raw_disk.h"

#include <utility>

#include "base/status.h"

namespace mayfly::virtio {

absl::StatusOr<std::unique_ptr<RawDisk>> RawDisk::Create(DiskFile file) {
  auto disk = std::make_unique<RawDisk>(Passkey(), std::move(file));
  MAYFLY_ASSIGN_OR_RETURN(disk->io_, DiskIo::Create(disk->file_));
  return disk;
}

void RawDisk::Submit(BlockRequest& request, BlockCompletion& completion) {
  completion.OnCompleted(request, io_->Perform(request));
}

}  // namespace mayfly::virtio
