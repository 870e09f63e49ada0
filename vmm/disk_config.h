#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "virtio/rate_limiter.h"
#include "vmm/named_fd.h"

namespace mayfly::vmm {

// What VIRTIO_BLK_T_GET_ID can answer (virtio 1.2, 5.2.6.1).
inline constexpr size_t kMaxDiskSerial = 20;

enum class DiskAccess { kReadOnly, kReadWrite };

// How a disk's file is read and written.
enum class DiskEngine {
  kAuto,     // io_uring where the host lets us have it, otherwise kSync
  kSync,     // in the call, on the io thread
  kIoUring,  // an error where the host does not let us
};

enum class DiskCaching {
  kHostCache,
  kDirect,  // O_DIRECT
};

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
