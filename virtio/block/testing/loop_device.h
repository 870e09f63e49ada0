#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/owned_fd.h"

namespace mayfly::virtio {

// A block device for tests: a loop device over a file, let go with this object.
class LoopDevice final {
 public:
  // The first that is free, over the open file `file`. Errors: PermissionDenied and others for
  // those who may have none: for root alone, and not in a user namespace's sandbox.
  [[nodiscard]] static absl::StatusOr<LoopDevice> Create(int file);
  LoopDevice(LoopDevice&&) = default;
  LoopDevice& operator=(LoopDevice&&) = delete;
  ~LoopDevice();

  [[nodiscard]] const std::string& path() const { return path_; }
  // Has it take whole blocks of `bytes` only. Errors: those of LOOP_SET_BLOCK_SIZE.
  [[nodiscard]] absl::Status SetBlockSize(uint64_t bytes) const;
  // Has it grow or shrink as its file has. Errors: those of LOOP_SET_CAPACITY.
  [[nodiscard]] absl::Status TakeSizeOfFile() const;

 private:
  LoopDevice(OwnedFd device, std::string path)
      : device_(std::move(device)), path_(std::move(path)) {}

  OwnedFd device_;
  std::string path_;
};

}  // namespace mayfly::virtio
