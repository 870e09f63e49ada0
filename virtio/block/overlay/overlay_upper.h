#pragma once

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "virtio/block/overlay/base_identity.h"
#include "virtio/block/overlay/overlay_format.h"
#include "virtio/block/overlay/overlay_map.h"

namespace mayfly::virtio {

// What is known of an upper layer while it is in use.
struct OverlayContents {
  OverlayLayout layout;
  OverlayMap map;
  std::optional<OverlayHeader> header;  // none in memory, where nothing outlives its user
};

// The upper layer of an overlay, opened: a file, and what it contains.
//
// Creating one costs the same for any disk; opening one again reads those pages of its map that are
// in use, 4 KiB for each 64 MiB of the disk that was written to.
struct OverlayUpper {
  OwnedFd file;
  OverlayContents contents;

  // For a disk over the base `identity`. `file` is opened for reading and writing, and is either
  // such an upper already, or empty, and then becomes one. It is locked, as DiskFile locks its
  // file, and marked as in use. Where its last user died, the space of what it had not flushed is
  // given back. `name` is for messages only. Errors, each a sentence with the name and what to do:
  // InvalidArgument for what is no upper, PermissionDenied for a file not opened for both,
  // FailedPrecondition where another VM has it or the base is another one or was changed, DataLoss
  // where it is cut off or damaged; errno's.
  [[nodiscard]] static absl::StatusOr<OverlayUpper> Open(OwnedFd file, const BaseIdentity& identity,
                                                         std::string_view name);
  // Memory that holds what is written, and nothing else, until it is closed. Errors:
  // InvalidArgument for a disk that no overlay can be of; errno's.
  [[nodiscard]] static absl::StatusOr<OverlayUpper> InMemory(uint64_t capacity);
  // An upper that no VM is to use meanwhile: to look at, which others may do too, or to change, for
  // which the file is open for reading and writing. An empty file is no upper. Errors: as Open(),
  // but nothing is said of the base.
  enum class Work { kLook, kChange };
  [[nodiscard]] static absl::StatusOr<OverlayUpper> OpenForWork(OwnedFd file, Work work,
                                                                std::string_view name);
};

// Whether an upper with `header` belongs to the base `identity`. Errors: FailedPrecondition, with
// what differs and what to do.
[[nodiscard]] absl::Status CheckBase(const OverlayHeader& header, const BaseIdentity& identity);
// With its checksum, at the begin of `file`.
[[nodiscard]] absl::Status WriteOverlayHeader(int file, OverlayHeader header);

}  // namespace mayfly::virtio
