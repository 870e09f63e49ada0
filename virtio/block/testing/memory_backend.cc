#include "virtio/block/testing/memory_backend.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/checked.h"

namespace mayfly::virtio {
namespace {

void Copy(BlockOperation operation, std::span<std::byte> disk, std::span<const iovec> pieces) {
  for (const iovec& piece : pieces) {
    if (disk.size() < piece.iov_len) __builtin_trap();  // the buffers are longer than the range
    if (operation == BlockOperation::kRead) {
      std::memcpy(piece.iov_base, disk.data(), piece.iov_len);
    } else {
      std::memcpy(disk.data(), piece.iov_base, piece.iov_len);
    }
    disk = disk.subspan(piece.iov_len);
  }
  if (!disk.empty()) __builtin_trap();  // shorter
}

}  // namespace

absl::StatusOr<uint64_t> MemoryBackend::RefreshCapacity() {
  if (next_capacity_) bytes_.resize(*next_capacity_);
  return capacity();
}

void MemoryBackend::Submit(BlockRequest& request, BlockCompletion& completion) {
  const Waiting waiting = {.request = &request, .completion = &completion};
  const bool flush_in_call =
      completion_ == Completion::kLaterButFlushes && request.operation == BlockOperation::kFlush;
  if (flush_in_call) Drain();
  if (completion_ == Completion::kInline || flush_in_call) {
    Perform(waiting);
  } else {
    waiting_.push_back(waiting);
  }
}

void MemoryBackend::Count(const BlockRequest& request) {
  if (request.operation == BlockOperation::kFlush) {
    ++flushes_;
  } else if (request.operation != BlockOperation::kRead) {
    if (access_ == BlockAccess::kReadOnly) __builtin_trap();  // the device let it through
    if (request.durability == BlockDurability::kStable) ++stable_writes_;
    if (request.zeroing == BlockZeroing::kMayUnmap) ++unmapping_zeroes_;
  }
}

void MemoryBackend::Perform(const Waiting& waiting) {
  const BlockRequest& request = *waiting.request;
  Count(request);
  if (error_ == 0 && request.operation != BlockOperation::kFlush) {
    if (request.length == 0 || !RangeWithin(request.offset, request.length, bytes_.size())) {
      __builtin_trap();
    }
    const auto disk = std::span(bytes_).subspan(request.offset, request.length);
    if (request.operation == BlockOperation::kDiscard) {
      std::ranges::fill(disk, kDiscarded);
    } else if (request.operation == BlockOperation::kWriteZeroes) {
      std::ranges::fill(disk, std::byte{0});
    } else {
      Copy(request.operation, disk, request.buffers);
    }
  }
  waiting.completion->OnCompleted(*waiting.request, error_);
}

void MemoryBackend::CompleteNewest() {
  const Waiting newest = waiting_.back();
  waiting_.pop_back();
  Perform(newest);
  newest.completion->OnBatchCompleted();
}

void MemoryBackend::Drain() {
  while (!waiting_.empty()) {
    const Waiting oldest = waiting_.front();
    waiting_.pop_front();
    Perform(oldest);
  }
}

}  // namespace mayfly::virtio
