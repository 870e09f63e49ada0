#include "virtio/block/disk/disk_io.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/checked.h"
#include "base/guest_memory.h"
#include "base/status.h"
#include "virtio/core/buffers.h"

namespace mayfly::virtio {
namespace {

// What goes through the bounce buffer at once; a multiple of every alignment. Untouched pages cost
// nothing.
constexpr size_t kBounceSize = size_t{1} << 20;

// Zeroes for storage that cannot make them by itself.
alignas(kPageSize) constexpr std::array<std::byte, size_t{64} << 10> kZeroes{};

enum class Direction { kFromPieces, kToPieces };

// Copies between `block` and the first bytes of `pieces`; returns what is left of these.
std::span<iovec> Copy(Direction direction, std::span<std::byte> block, std::span<iovec> pieces) {
  while (!block.empty() && !pieces.empty()) {
    const size_t part = std::min(block.size(), pieces.front().iov_len);
    if (direction == Direction::kFromPieces) {
      std::memcpy(block.data(), pieces.front().iov_base, part);
    } else {
      std::memcpy(pieces.front().iov_base, block.data(), part);
    }
    block = block.subspan(part);
    pieces = WithoutFront(pieces, part);
  }
  return pieces;
}

// Whether fallocate(2) cannot do it, but writing can. EINVAL: a block device takes whole blocks
// only, and a driver asks for sectors.
bool IsForOtherWay(int error) { return error == EOPNOTSUPP || error == EINVAL; }

}  // namespace

absl::StatusOr<DiskIo> DiskIo::Create(const DiskFile& file) {
  Mapping bounce;
  if (file.caching() == DiskCaching::kDirect) {
    MAYFLY_ASSIGN_OR_RETURN(bounce, Mapping::Anonymous(kBounceSize, kPageSize));
  }
  return DiskIo(file, std::move(bounce));
}

int DiskIo::Perform(const BlockRequest& request) const {
  switch (request.operation) {
    case BlockOperation::kRead:
    case BlockOperation::kWrite:
      return Transfer(request);
    case BlockOperation::kFlush:
      return Flush();
    case BlockOperation::kDiscard:
      return Discard(request);
    case BlockOperation::kWriteZeroes:
      return WriteZeroes(request);
  }
  return EOPNOTSUPP;
}

int DiskIo::Transfer(const BlockRequest& request) const {
  if (!file_->IsAlignedFor(request)) return TransferBounced(request);
  return Move(request.operation, request.buffers, request.offset, request.durability);
}

int DiskIo::Move(BlockOperation operation, std::span<iovec> buffers, uint64_t offset,
                 BlockDurability durability) const {
  const bool read = operation == BlockOperation::kRead;
  const int flags = !read && durability == BlockDurability::kStable ? RWF_DSYNC : 0;
  while (!buffers.empty()) {
    const int count = static_cast<int>(buffers.size());
    const auto at = static_cast<off_t>(offset);
    const ssize_t moved = read ? ::preadv2(file_->fd(), buffers.data(), count, at, flags)
                               : ::pwritev2(file_->fd(), buffers.data(), count, at, flags);
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return errno;
    if (moved == 0) return EIO;  // the file was cut off under us
    buffers = WithoutFront(buffers, static_cast<size_t>(moved));
    offset += static_cast<uint64_t>(moved);
  }
  return 0;
}

int DiskIo::TransferBounced(const BlockRequest& request) const {
  const bool read = request.operation == BlockOperation::kRead;
  const uint64_t unit = file_->offset_alignment();
  const uint64_t end = request.offset + request.length;
  std::span<iovec> pieces = request.buffers;
  for (uint64_t offset = request.offset; offset < end;) {
    // Whole blocks around what is next.
    const uint64_t first = AlignDown(offset, unit);
    const uint64_t last = std::min(AlignUp(end, unit).value_or(end), first + bounce_.size());
    const uint64_t part = std::min(end, last) - offset;
    const std::span<std::byte> blocks = bounce_.bytes().first(last - first);
    iovec whole = {.iov_base = blocks.data(), .iov_len = blocks.size()};
    if (read || first != offset || last > end) {
      const int error = Move(BlockOperation::kRead, std::span(&whole, 1), first, {});
      if (error != 0) return error;
      whole = {.iov_base = blocks.data(), .iov_len = blocks.size()};
    }
    const std::span<std::byte> asked = blocks.subspan(offset - first, part);
    pieces = Copy(read ? Direction::kToPieces : Direction::kFromPieces, asked, pieces);
    if (!read) {
      const int error =
          Move(BlockOperation::kWrite, std::span(&whole, 1), first, request.durability);
      if (error != 0) return error;
    }
    offset += part;
  }
  return 0;
}

int DiskIo::Flush() const {
  while (::fdatasync(file_->fd()) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

int DiskIo::Allocate(int mode, const BlockRequest& request) const {
  while (::fallocate(file_->fd(), mode | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(request.offset),
                     static_cast<off_t>(request.length)) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

int DiskIo::Discard(const BlockRequest& request) const {
  int error = 0;
  if (file_->is_block_device()) {
    std::array<uint64_t, 2> range = {request.offset, request.length};
    if (::ioctl(file_->fd(), BLKDISCARD, range.data()) != 0) error = errno;
  } else {
    error = Allocate(FALLOC_FL_PUNCH_HOLE, request);
  }
  // A hint (virtio 1.2, 5.2.6.2), which a device of larger blocks cannot take for parts of them.
  if (error == EINVAL) return 0;
  if (error != 0) return error;
  return request.durability == BlockDurability::kStable ? Flush() : 0;
}

int DiskIo::WriteZeroes(const BlockRequest& request) const {
  int error = EOPNOTSUPP;
  if (request.zeroing == BlockZeroing::kMayUnmap) error = Allocate(FALLOC_FL_PUNCH_HOLE, request);
  if (IsForOtherWay(error)) error = Allocate(FALLOC_FL_ZERO_RANGE, request);
  if (IsForOtherWay(error)) error = FillWithZeroes(request.offset, request.length);
  if (error != 0) return error;
  return request.durability == BlockDurability::kStable ? Flush() : 0;
}

int DiskIo::FillWithZeroes(uint64_t offset, uint64_t length) const {
  while (length != 0) {
    const uint64_t part = std::min<uint64_t>(length, kZeroes.size());
    // For reading only: a write does not change its buffers.
    iovec zeroes = {.iov_base = const_cast<std::byte*>(kZeroes.data()), .iov_len = part};
    BlockRequest request;
    request.operation = BlockOperation::kWrite;
    request.offset = offset;
    request.length = part;
    request.buffers = std::span(&zeroes, 1);
    const int error = Transfer(request);
    if (error != 0) return error;
    offset += part;
    length -= part;
  }
  return 0;
}

}  // namespace mayfly::virtio
