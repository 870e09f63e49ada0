#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/owned_fd.h"
#include "virtio/block_backend.h"

namespace mayfly::virtio {

// A disk whose bytes are those of a regular file or block device, read and written in the call
// (preadv, pwritev, fdatasync). Holds a lock on the file against other writers until Close().
class RawDisk final : public BlockBackend {
  class Passkey {
    friend class RawDisk;
    Passkey() = default;
  };

 public:
  // `name` is for messages only. The lock is an open file description lock (fcntl(2), F_OFD_SETLK):
  // shared for kReadOnly, exclusive for kReadWrite. Errors, each a sentence with the name and what
  // to do: InvalidArgument for what cannot be a disk (a directory, no file or block device, empty,
  // not a multiple of kSectorSize), PermissionDenied for an `fd` not opened for `access`,
  // FailedPrecondition where another VM or process holds the file in a way that `access` excludes.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<RawDisk>> Open(OwnedFd fd, BlockAccess access,
                                                                     std::string_view name);
  RawDisk(Passkey, OwnedFd fd, BlockAccess access, uint64_t capacity, uint32_t physical_block_size);
  ~RawDisk() override;

  [[nodiscard]] uint64_t capacity() const override { return capacity_; }
  [[nodiscard]] BlockAccess access() const override { return access_; }
  [[nodiscard]] uint32_t physical_block_size() const override { return physical_block_size_; }

  void Submit(BlockRequest& request, BlockCompletion& completion) override;
  void Commit() override {}
  void Drain() override {}
  void Close() override;

 private:
  // Each answers 0 or an errno value.
  [[nodiscard]] int Perform(const BlockRequest& request) const;
  [[nodiscard]] int Transfer(const BlockRequest& request) const;
  [[nodiscard]] int Flush() const;

  OwnedFd fd_;
  const BlockAccess access_;
  const uint64_t capacity_;
  const uint32_t physical_block_size_;
};

}  // namespace mayfly::virtio
