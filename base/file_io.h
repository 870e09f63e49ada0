#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mayfly {

// Bytes in a regular file or block device. Errors: InvalidArgument for anything else.
[[nodiscard]] absl::StatusOr<uint64_t> FileSize(int fd);
// The same of what is known to be one, by lseek(2) alone, which moves the file's offset.
[[nodiscard]] absl::StatusOr<uint64_t> FileEnd(int fd);

// pread(2) until `out` is full. Errors: OutOfRange where the file ends before; errno's otherwise.
[[nodiscard]] absl::Status ReadFully(int fd, uint64_t offset, std::span<std::byte> out);

// pwrite(2) until `data` is written.
[[nodiscard]] absl::Status WriteFully(int fd, uint64_t offset, std::span<const std::byte> data);

// All of a file of the kernel's, as those in /proc and /sys, without the newline at its end. A
// relative path is one below `directory` (AT_FDCWD: the current one). Errors: errno's, naming the
// path.
[[nodiscard]] absl::StatusOr<std::string> ReadText(int directory, const std::string& path);

// How much of a file a lock leaves to others: kShared lets them read it, too.
enum class FileLock { kShared, kExclusive };

// Locks the whole file for the open file description of `fd`, which is open for that (fcntl(2),
// F_OFD_SETLK). False where another one holds a lock that excludes it. Errors: errno's.
[[nodiscard]] absl::StatusOr<bool> TryLockFile(int fd, FileLock lock);
// Gives the lock up.
void UnlockFile(int fd);

// The first byte of [offset, end) that is stored, or `end`. Where a file system cannot tell, all
// are. Errors: errno's.
[[nodiscard]] absl::StatusOr<uint64_t> NextStoredByte(int fd, uint64_t offset, uint64_t end);

}  // namespace mayfly
