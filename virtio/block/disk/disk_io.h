#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/disk/disk_file.h"

namespace mayfly::virtio {

// Does what a BlockRequest asks of a DiskFile, in the call. Each function answers 0 or an errno
// value, and leaves the request's buffers changed.
//
// Where a direct file cannot take a request as it is (the guest's buffers or sectors are not
// aligned as the device needs it), it goes through a buffer of ours; a piece of a block that is
// written is then read first, so no other request may be at work on the file meanwhile.
//
// Threading: as DiskFile.
class DiskIo final {
 public:
  // `file` outlives this. Errors: ResourceExhausted where there is no memory.
  [[nodiscard]] static absl::StatusOr<DiskIo> Create(const DiskFile& file);

  [[nodiscard]] int Perform(const BlockRequest& request) const;
  [[nodiscard]] int Flush() const;
  [[nodiscard]] int Discard(const BlockRequest& request) const;
  [[nodiscard]] int WriteZeroes(const BlockRequest& request) const;

 private:
  DiskIo(const DiskFile& file, Mapping bounce) : file_(&file), bounce_(std::move(bounce)) {}

  [[nodiscard]] int Transfer(const BlockRequest& request) const;
  [[nodiscard]] int TransferBounced(const BlockRequest& request) const;
  // All of `buffers`, from `offset` on.
  [[nodiscard]] int Move(BlockOperation operation, std::span<iovec> buffers, uint64_t offset,
                         BlockDurability durability) const;
  [[nodiscard]] int FillWithZeroes(uint64_t offset, uint64_t length) const;
  // fallocate(2) on the request's range.
  [[nodiscard]] int Allocate(int mode, const BlockRequest& request) const;

  const DiskFile* file_;
  Mapping bounce_;  // empty with the host's cache
};

}  // namespace mayfly::virtio
