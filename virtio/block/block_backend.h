#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "virtio/block/disk_settings.h"

namespace mayfly::virtio {

// The unit of virtio-blk's addresses and capacities, whatever the disk's own block size
// (virtio 1.2, 5.2.4).
inline constexpr uint64_t kSectorSize = 512;

// When a write counts as done.
enum class BlockDurability {
  kCached,  // when readers see it; a flush makes it last
  kStable,  // when it would survive a power failure
};

enum class BlockOperation { kRead, kWrite, kFlush, kDiscard, kWriteZeroes };

// Whether zeroes may be written by giving the storage back.
enum class BlockZeroing { kKeepAllocated, kMayUnmap };

// One piece of work for a backend, already checked: the range lies within the capacity, is not
// empty but for kFlush, and is as long as the buffers; it is a multiple of kSectorSize, and nothing
// is written to a read-only disk. The owner keeps it, and the buffers, in place until it is
// completed.
struct BlockRequest {
  BlockOperation operation = BlockOperation::kRead;
  BlockDurability durability = BlockDurability::kCached;  // of all that changes the disk
  BlockZeroing zeroing = BlockZeroing::kKeepAllocated;    // of kWriteZeroes
  uint64_t offset = 0;                                    // bytes from the disk's begin
  uint64_t length = 0;                                    // bytes
  std::span<iovec> buffers;  // host addresses of guest memory, at most IOV_MAX; a backend may
                             // change them as it goes; none but for reads and writes
};

// Who submitted. Threading: on the io thread, from within BlockBackend::Submit(), Commit() or
// Drain(), or later.
class BlockCompletion {
 public:
  BlockCompletion() = default;
  BlockCompletion(const BlockCompletion&) = delete;
  BlockCompletion& operator=(const BlockCompletion&) = delete;

  // `request` is done; `error` is 0 or an errno value. The backend forgets the request before it
  // calls.
  virtual void OnCompleted(BlockRequest& request, int error) = 0;
  // No more completions in this turn of the loop: the moment to tell the driver. Called by backends
  // that complete later than in Submit(), Commit() and Drain(), after each batch.
  virtual void OnBatchCompleted() = 0;

 protected:
  ~BlockCompletion() = default;
};

// Where a block device's bytes are.
//
// Threading: all on the io thread; access(), discard_granularity() and physical_block_size() are
// constant, and for any.
class BlockBackend {
 public:
  BlockBackend() = default;
  BlockBackend(const BlockBackend&) = delete;
  BlockBackend& operator=(const BlockBackend&) = delete;
  virtual ~BlockBackend() = default;

  // Bytes; a multiple of kSectorSize. Changes with RefreshCapacity() only, and is for the io
  // thread.
  [[nodiscard]] virtual uint64_t capacity() const = 0;
  [[nodiscard]] virtual BlockAccess access() const = 0;
  // The unit in which a discard frees storage, in bytes: a multiple of kSectorSize; 0 where
  // discards and zeroing are not to be had.
  [[nodiscard]] virtual uint32_t discard_granularity() const = 0;
  // Bytes that the storage reads and writes at once without extra work: a power of two, at least
  // kSectorSize.
  [[nodiscard]] virtual uint32_t physical_block_size() const = 0;

  // Looks at the storage again, which somebody may have made larger or smaller, and returns
  // capacity(). A backend that cannot change keeps this one. Errors: what makes the storage
  // unusable; the capacity is then as before.
  [[nodiscard]] virtual absl::StatusOr<uint64_t> RefreshCapacity() { return capacity(); }

  // Begins `request`; it is completed through `completion` exactly once, perhaps before this
  // returns.
  virtual void Submit(BlockRequest& request, BlockCompletion& completion) = 0;
  // The submitter has no more for now: a backend that collects requests hands them on.
  virtual void Commit() = 0;
  // Returns when every submitted request is completed.
  virtual void Drain() = 0;
  // Gives up files and locks. Comes after Drain(), and nothing after it.
  virtual void Close() = 0;
};

}  // namespace mayfly::virtio
