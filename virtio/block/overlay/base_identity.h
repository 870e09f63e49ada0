#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mayfly::virtio {

// What tells the base of an overlay from other images, and from itself after it was written to. It
// can be had at the same cost for any size: nobody reads 100 GB to start a VM. So it guards against
// mistakes, not against somebody who wants to deceive.
struct BaseIdentity {
  uint64_t capacity = 0;  // bytes
  // Of the content, in nanoseconds since 1970: it catches what the sample does not. 0 for a block
  // device, which has none. A copy of an image has the same one where it was made by cp
  // --preserve=timestamps, rsync -t, tar and the like.
  int64_t modified = 0;
  // OverlayHash() of 16 pages, the first and the last among them: partition tables and the
  // superblocks of file systems are there, and change when they are mounted for writing.
  uint64_t sample = 0;

  // `fd` is open for reading; `name` is for messages only.
  // Errors: InvalidArgument for what cannot be a base.
  [[nodiscard]] static absl::StatusOr<BaseIdentity> Of(int fd, std::string_view name);

  friend bool operator==(const BaseIdentity&, const BaseIdentity&) = default;
};

}  // namespace mayfly::virtio
