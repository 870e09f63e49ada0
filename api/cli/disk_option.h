#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "virtio/rate/rate_limiter.h"
#include "vmm/disk_config.h"

namespace mayfly::cli {

// A layer of its own for a disk's writes.
struct OverlayOption {
  std::optional<std::string> path;  // none: memory
  uint64_t cap_bytes = 0;           // 0: no limit
};

// --disk, understood.
struct DiskOption {
  std::string path;
  vmm::DiskAccess access = vmm::DiskAccess::kReadWrite;
  vmm::DiskEngine engine = vmm::DiskEngine::kAuto;
  vmm::DiskCaching caching = vmm::DiskCaching::kHostCache;
  std::optional<OverlayOption> overlay;
  std::string serial;
  virtio::RateLimits limits;
};

// "FILE[,WORD]...". The file's name may have commas: it ends where only words follow that are
// known. Errors: InvalidArgument, one sentence that begins with "--disk".
[[nodiscard]] absl::StatusOr<DiskOption> ParseDiskOption(std::string_view text);

}  // namespace mayfly::cli
