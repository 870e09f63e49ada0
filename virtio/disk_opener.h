#pragma once

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/owned_fd.h"
#include "virtio/block_backend.h"
#include "virtio/disk_file.h"

namespace mayfly::virtio {

// What reads and writes a disk's file.
enum class DiskEngine {
  kAuto,   // kUring where the host lets us have it, otherwise kSync
  kUring,  // io_uring: UringDisk
  kSync,   // in the call: RawDisk
};

// The disk in `fd`. `name` is for messages only; `io` outlives the disk. Errors: those of
// DiskFile::Open(); with kUring, Unavailable where the host has no io_uring for us.
[[nodiscard]] absl::StatusOr<std::unique_ptr<BlockBackend>> OpenDisk(
    OwnedFd fd, const DiskFile::Options& options, DiskEngine engine, std::string_view name,
    EventLoop& io);

}  // namespace mayfly::virtio
