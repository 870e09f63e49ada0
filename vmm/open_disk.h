#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/overlay/overlay_disk.h"
#include "vmm/disk_config.h"

namespace mayfly::vmm {

struct OpenedDisk {
  std::unique_ptr<virtio::BlockBackend> backend;
  const virtio::OverlayDisk* overlay = nullptr;  // the backend, where it is one
};

// What `config` says, of the files that it has. `io` outlives the disk. Errors: those of
// virtio::OpenDisk(), and, for an overlay, of virtio::BaseIdentity and virtio::OverlayUpper;
// InvalidArgument for an overlay of a disk that is read-only.
[[nodiscard]] absl::StatusOr<OpenedDisk> OpenDisk(DiskConfig config, EventLoop& io);

}  // namespace mayfly::vmm
