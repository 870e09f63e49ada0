#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mayfly::virtio {

// Work on an overlay that no VM is using. Files are locked until they are closed, the base against
// writers only. Errors: those of OverlayUpper and BaseIdentity, with the files' names, and errno's.

struct OverlayInfo {
  uint64_t capacity = 0;      // bytes, of the disk
  uint64_t data_bytes = 0;    // in the upper
  uint64_t zero_bytes = 0;    // known to be zero, without taking space
  uint64_t used_bytes = 0;    // data and map, as a cap counts them
  int64_t base_modified = 0;  // as BaseIdentity
  bool unclean = false;       // its last user died: what it had not flushed is lost
};

// A file of the user's, and what the user calls it. The descriptor stays the caller's.
struct NamedFile {
  int fd = -1;
  std::string_view name;
};

[[nodiscard]] absl::StatusOr<OverlayInfo> InspectOverlay(const NamedFile& upper);

// Writes the disk as a guest sees it, `upper` over `base`, to `image`, an empty file opened for
// reading and writing: a raw image that needs neither. Shares blocks with the base where the file
// system can, leaves holes where there are zeroes, and is durable when this returns.
[[nodiscard]] absl::Status FlattenOverlay(const NamedFile& base, const NamedFile& upper,
                                          const NamedFile& image);

// Makes `base`, the image that FlattenOverlay() has made of `upper` just now, the base of `upper`,
// and empties that. Killed at any point, the upper is a good one: over its old base first, then
// over the new.
[[nodiscard]] absl::Status EmptyOverlayOnto(const NamedFile& base, const NamedFile& upper);

// Takes `base` for what `upper` was made over, though it has another modification time, or other
// content at the places that are looked at. The sizes must agree.
[[nodiscard]] absl::Status RebaseOverlay(const NamedFile& base, const NamedFile& upper);

}  // namespace mayfly::virtio
