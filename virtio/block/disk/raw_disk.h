#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/disk/disk_file.h"
#include "virtio/block/disk/disk_io.h"

namespace mayfly::virtio {

// A disk whose bytes are those of a regular file or block device, read and written in the call: the
// synchronous engine, for hosts without io_uring.
class RawDisk final : public BlockBackend {
  class Passkey {
    friend class RawDisk;
    Passkey() = default;
  };

 public:
  // Errors: ResourceExhausted where there is no memory.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<RawDisk>> Create(DiskFile file);
  RawDisk(Passkey, DiskFile file) : file_(std::move(file)) {}

  [[nodiscard]] uint64_t capacity() const override { return file_.capacity(); }
  [[nodiscard]] BlockAccess access() const override { return file_.access(); }
  [[nodiscard]] uint32_t discard_granularity() const override {
    return file_.discard_granularity();
  }
  [[nodiscard]] uint32_t physical_block_size() const override {
    return file_.physical_block_size();
  }
  [[nodiscard]] absl::StatusOr<uint64_t> RefreshCapacity() override {
    return file_.RefreshCapacity();
  }

  void Submit(BlockRequest& request, BlockCompletion& completion) override;
  void Commit() override {}
  void Drain() override {}
  void Close() override { file_.Close(); }

 private:
  DiskFile file_;
  std::optional<DiskIo> io_;  // set by Create(): it points to file_
};

}  // namespace mayfly::virtio
