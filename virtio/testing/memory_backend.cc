#include "virtio/testing/memory_backend.h"

#include <cstring>
#include <span>

namespace mayfly::virtio {
namespace {

void Copy(BlockOperation operation, std::span<std::byte> disk, const iovec& piece) {
  if (disk.size() < piece.iov_len) __builtin_trap();  // the device let a bad range through
  if (operation == BlockOperation::kRead) {
    std::memcpy(piece.iov_base, disk.data(), piece.iov_len);
  } else {
    std::memcpy(disk.data(), piece.iov_base, piece.iov_len);
  }
}

}  // namespace

void MemoryBackend::Submit(BlockRequest& request, BlockCompletion& completion) {
  const Waiting waiting = {.request = &request, .completion = &completion};
  if (completion_ == Completion::kInline) {
    Perform(waiting);
  } else {
    waiting_.push_back(waiting);
  }
}

void MemoryBackend::Perform(const Waiting& waiting) {
  const BlockRequest& request = *waiting.request;
  if (request.operation == BlockOperation::kWrite && access_ == BlockAccess::kReadOnly) {
    __builtin_trap();  // the device let it through
  }
  if (request.operation == BlockOperation::kFlush) ++flushes_;
  if (request.operation == BlockOperation::kWrite &&
      request.durability == BlockDurability::kStable) {
    ++stable_writes_;
  }
  std::span<std::byte> disk = std::span(bytes_).subspan(request.offset);
  if (error_ == 0 && request.operation != BlockOperation::kFlush) {
    for (const iovec& piece : request.buffers) {
      Copy(request.operation, disk, piece);
      disk = disk.subspan(piece.iov_len);
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
