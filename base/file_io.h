#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mayfly {

// Bytes in a regular file or block device. Errors: InvalidArgument for anything else.
[[nodiscard]] absl::StatusOr<uint64_t> FileSize(int fd);

// pread(2) until `out` is full. Errors: OutOfRange where the file ends before; errno's otherwise.
[[nodiscard]] absl::Status ReadFully(int fd, uint64_t offset, std::span<std::byte> out);

// pwrite(2) until `data` is written.
[[nodiscard]] absl::Status WriteFully(int fd, uint64_t offset, std::span<const std::byte> data);

}  // namespace mayfly
