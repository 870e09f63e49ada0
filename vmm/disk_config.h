#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "virtio/block/disk_settings.h"
#include "virtio/rate/rate_limiter.h"
#include "vmm/named_fd.h"

namespace mayfly::vmm {

// What VIRTIO_BLK_T_GET_ID can answer (virtio 1.2, 5.2.6.1).
inline constexpr size_t kMaxDiskSerial = 20;

using DiskAccess = virtio::BlockAccess;
using virtio::DiskCaching;
using virtio::DiskEngine;

// A private, sparse layer that takes the writes to a disk whose image is only read.
struct OverlayConfig {
  std::optional<NamedFd> upper;  // opened read-write, an empty file or an overlay; none: memory
  uint64_t cap_bytes = 0;        // what the layer may grow to; 0: no limit
};

struct DiskConfig {
  NamedFd image;
  DiskAccess access =
      DiskAccess::kReadWrite;  // the guest's; with an overlay, the image's is to read
  std::string serial;          // at most kMaxDiskSerial bytes; empty: "mayfly-disk-N"
  DiskEngine engine = DiskEngine::kAuto;
  DiskCaching caching = DiskCaching::kHostCache;
  std::optional<OverlayConfig> overlay = std::nullopt;
  virtio::RateLimits limits = {};
};

}  // namespace mayfly::vmm
