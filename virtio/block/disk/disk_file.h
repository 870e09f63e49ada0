#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/disk_settings.h"

namespace mayfly::virtio {

// A regular file or block device in use as a disk: open, checked, and locked against other writers
// until Close(). Says what it can do; reading and writing is for DiskIo and Uring.
//
// Threading: none of its own; one thread at a time.
class [[nodiscard]] DiskFile final {
 public:
  struct Options {
    BlockAccess access = BlockAccess::kReadWrite;
    DiskCaching caching = DiskCaching::kHostCache;
  };

  // `name` is for messages only. Sets O_DIRECT on the open file as `options` say, and takes
  // O_NONBLOCK away, which everybody feels who shares it. The lock is an open file description lock
  // (fcntl(2), F_OFD_SETLK): shared for kReadOnly, exclusive for kReadWrite. Errors, each a
  // sentence with the name and what to do: InvalidArgument for what cannot be a disk (a directory,
  // no file or block device, empty, not a multiple of kSectorSize) or cannot be had directly,
  // PermissionDenied for an `fd` not opened for the access, FailedPrecondition where another VM or
  // process holds the file in a way that the access excludes.
  [[nodiscard]] static absl::StatusOr<DiskFile> Open(OwnedFd fd, const Options& options,
                                                     std::string_view name);
  DiskFile(DiskFile&&) noexcept = default;
  DiskFile& operator=(DiskFile&&) noexcept = delete;
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;
  ~DiskFile() { Close(); }

  // -1 when closed.
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool is_block_device() const { return is_block_device_; }
  [[nodiscard]] BlockAccess access() const { return options_.access; }
  [[nodiscard]] DiskCaching caching() const { return options_.caching; }

  // As BlockBackend's.
  [[nodiscard]] uint64_t capacity() const { return capacity_; }
  [[nodiscard]] uint32_t physical_block_size() const { return physical_block_size_; }
  [[nodiscard]] uint32_t discard_granularity() const { return discard_granularity_; }
  [[nodiscard]] absl::StatusOr<uint64_t> RefreshCapacity();

  // What buffers' addresses, and what offsets and lengths have to be multiples of: powers of two; 1
  // with the host's cache.
  [[nodiscard]] uint32_t memory_alignment() const { return memory_alignment_; }
  [[nodiscard]] uint32_t offset_alignment() const { return offset_alignment_; }
  // Whether the request can be had from the file as it is.
  [[nodiscard]] bool IsAlignedFor(const BlockRequest& request) const;

  // Gives up the lock and the file.
  void Close();

 private:
  DiskFile(OwnedFd fd, const Options& options, std::string_view name);

  // The flags that it was opened with.
  [[nodiscard]] absl::StatusOr<unsigned> CheckMode() const;
  [[nodiscard]] absl::StatusOr<uint64_t> CheckSize() const;
  [[nodiscard]] absl::Status Lock() const;
  // `flags` are the ones that it has.
  [[nodiscard]] absl::Status SetCaching(unsigned flags);
  void FindAlignment();
  void FindBlockSizes();

  OwnedFd fd_;
  Options options_;
  std::string name_;  // quoted, as messages begin
  bool is_block_device_ = false;
  uint64_t capacity_ = 0;
  uint32_t physical_block_size_ = 0;
  uint32_t discard_granularity_ = 0;
  uint32_t memory_alignment_ = 1;
  uint32_t offset_alignment_ = 1;
};

}  // namespace mayfly::virtio
