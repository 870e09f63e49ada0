#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/owned_fd.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/disk/disk_file.h"
#include "virtio/block/disk_settings.h"

namespace mayfly::virtio {

// The disk in `fd`. `name` is for messages only; `io` outlives the disk. Errors: those of
// DiskFile::Open(); with kUring, Unavailable where the host has no io_uring for us.
[[nodiscard]] absl::StatusOr<std::unique_ptr<BlockBackend>> OpenDisk(
    OwnedFd fd, const DiskFile::Options& options, DiskEngine engine, std::string_view name,
    EventLoop& io);

}  // namespace mayfly::virtio
