#include "virtio/block/disk/uring_disk.h"

#include <linux/falloc.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <thread>
#include <utility>

#include "base/status.h"
#include "virtio/core/buffers.h"

namespace mayfly::virtio {
namespace {

// Completions taken at once.
constexpr size_t kBatch = 64;

bool IsTransfer(BlockOperation operation) {
  return operation == BlockOperation::kRead || operation == BlockOperation::kWrite;
}

bool IsShortage(int error) { return error == EAGAIN || error == EBUSY || error == ENOMEM; }

}  // namespace

absl::StatusOr<std::unique_ptr<UringDisk>> UringDisk::Create(DiskFile file,
                                                             std::unique_ptr<Uring> uring,
                                                             EventLoop& io) {
  auto disk = std::make_unique<UringDisk>(Passkey(), std::move(file), std::move(uring), io);
  MAYFLY_ASSIGN_OR_RETURN(disk->in_call_, DiskIo::Create(disk->file_));
  UringDisk* const raw = disk.get();
  MAYFLY_RETURN_IF_ERROR(io.Watch(raw->uring_->fd(), [raw] { raw->OnReadable(); }));
  return disk;
}

UringDisk::UringDisk(Passkey, DiskFile file, std::unique_ptr<Uring> uring, EventLoop& io)
    : file_(std::move(file)),
      uring_(std::move(uring)),
      io_(io),
      reads_at_once_(file_.caching() == DiskCaching::kHostCache) {}

UringDisk::~UringDisk() {
  io_.RunSync([this] { UringDisk::Close(); });
}

void UringDisk::Close() {
  if (uring_ != nullptr) {
    io_.Unwatch(uring_->fd());
    uring_.reset();
  }
  file_.Close();
}

void UringDisk::Submit(BlockRequest& request, BlockCompletion& completion) {
  if (IsForCall(request)) {
    completion.OnCompleted(request, in_call_->Perform(request));
    return;
  }
  Transfer& transfer = TakeTransfer();
  transfer = {.request = &request,
              .completion = &completion,
              .offset = request.offset,
              .left = request.buffers};
  ++in_flight_;
  Enqueue(transfer);
}

bool UringDisk::IsForCall(const BlockRequest& request) {
  if (!file_.IsAlignedFor(request)) {
    Drain();  // DiskIo wants the file for itself
    return true;
  }
  if (uring_ == nullptr || refused_) return true;
  if (request.operation == BlockOperation::kDiscard) return file_.is_block_device();
  return IsWriteForCall(request);
}

bool UringDisk::IsWriteForCall(const BlockRequest& request) {
  if (request.operation != BlockOperation::kWrite ||
      request.durability != BlockDurability::kCached ||
      file_.caching() != DiskCaching::kHostCache) {
    return false;
  }
  if (cached_writes_ == CachedWrites::kUnknown) {
    // Writes it, or a part of it, or nothing: it is done again as the answer says.
    const ssize_t written =
        ::pwritev2(file_.fd(), request.buffers.data(), static_cast<int>(request.buffers.size()),
                   static_cast<off_t>(request.offset), RWF_NOWAIT);
    cached_writes_ =
        written < 0 && errno == EOPNOTSUPP ? CachedWrites::kInCall : CachedWrites::kByUring;
  }
  return cached_writes_ == CachedWrites::kInCall;
}

void UringDisk::Enqueue(Transfer& transfer) {
  if (refused_) {
    DoInCall(transfer);
  } else {
    queued_.push_back(&transfer);
  }
}

void UringDisk::FillIn(io_uring_sqe* sqe, const Transfer& transfer) const {
  const BlockRequest& request = *transfer.request;
  const auto count = static_cast<unsigned>(transfer.left.size());
  const auto offset = static_cast<off_t>(request.offset);
  const auto length = static_cast<off_t>(request.length);
  const int dsync = request.durability == BlockDurability::kStable ? RWF_DSYNC : 0;
  if (request.operation == BlockOperation::kFlush || transfer.stabilizing) {
    ::io_uring_prep_fsync(sqe, Uring::kFile, IORING_FSYNC_DATASYNC);
    return;
  }
  switch (request.operation) {
    case BlockOperation::kRead:
      ::io_uring_prep_readv(sqe, Uring::kFile, transfer.left.data(), count, transfer.offset);
      break;
    case BlockOperation::kWrite:
      ::io_uring_prep_writev2(sqe, Uring::kFile, transfer.left.data(), count, transfer.offset,
                              dsync);
      break;
    case BlockOperation::kWriteZeroes:
      if (request.zeroing == BlockZeroing::kKeepAllocated) {
        ::io_uring_prep_fallocate(sqe, Uring::kFile, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                                  offset, length);
        break;
      }
      [[fallthrough]];
    case BlockOperation::kDiscard:
      ::io_uring_prep_fallocate(sqe, Uring::kFile, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                offset, length);
      break;
    case BlockOperation::kFlush:
      break;
  }
}

void UringDisk::Commit() {
  if (queued_.empty()) return;
  // The submitter knows that its batch ends here. It may be at work on a completion of ours, whose
  // batch is still to be told.
  BlockCompletion* const outer = untold_;
  HandOver();
  TakeCompletions();
  HandOver();  // what a completion queued anew
  untold_ = outer;
}

void UringDisk::ReadAtOnce(Transfer& transfer) {
  if (!reads_at_once_ || transfer.request->operation != BlockOperation::kRead) return;
  const ssize_t got =
      ::preadv2(file_.fd(), transfer.left.data(), static_cast<int>(transfer.left.size()),
                static_cast<off_t>(transfer.offset), RWF_NOWAIT);
  if (got < 0 && errno == EOPNOTSUPP) reads_at_once_ = false;
  if (got <= 0) return;  // io_uring will say why
  queued_.clear();
  OnMoved(transfer, static_cast<size_t>(got));
}

void UringDisk::HandOver() {
  if (queued_.size() == 1) ReadAtOnce(*queued_.front());
  while (!queued_.empty()) {
    while (filled_in_ < queued_.size()) {
      io_uring_sqe* const sqe = uring_->Next();
      if (sqe == nullptr) break;
      FillIn(sqe, *queued_[filled_in_]);
      Uring::Queue(sqe, queued_[filled_in_]);
      ++filled_in_;
    }
    const int error = uring_->Submit();
    const size_t taken = filled_in_ - uring_->queued();
    queued_.erase(queued_.begin(), queued_.begin() + static_cast<std::ptrdiff_t>(taken));
    filled_in_ -= taken;
    if (error == 0) continue;
    // Completions may end a shortage.
    if (IsShortage(error) && in_flight_ > queued_.size() && uring_->Wait() == 0) {
      TakeCompletions();
    } else {
      refused_ = true;
      filled_in_ = 0;
      for (Transfer* const transfer : std::exchange(queued_, {})) DoInCall(*transfer);
    }
  }
}

void UringDisk::DoInCall(Transfer& transfer) {
  if (transfer.stabilizing) {
    Finish(transfer, in_call_->Flush());
    return;
  }
  BlockRequest left = *transfer.request;
  if (IsTransfer(left.operation)) {
    left.length -= transfer.offset - left.offset;
    left.offset = transfer.offset;
    left.buffers = transfer.left;
  }
  Finish(transfer, in_call_->Perform(left));
}

bool UringDisk::TakeCompletions() {
  std::array<Uring::Completion, kBatch> room;
  bool any = false;
  while (true) {
    const std::span<const Uring::Completion> batch = uring_->Reap(room);
    if (batch.empty()) return any;
    any = true;
    for (const Uring::Completion& completion : batch) {
      OnResult(*static_cast<Transfer*>(completion.tag), completion.result);
    }
  }
}

void UringDisk::OnResult(Transfer& transfer, int32_t result) {
  if (result == -EINTR) {
    Enqueue(transfer);
  } else if (result == -EAGAIN) {
    DoInCall(transfer);
  } else if (transfer.stabilizing || transfer.request->operation == BlockOperation::kFlush) {
    Finish(transfer, -result);
  } else if (!IsTransfer(transfer.request->operation)) {
    OnAllocated(transfer, -result);
  } else if (result <= 0) {
    Finish(transfer, result == 0 ? EIO : -result);  // EIO: the file was cut off under us
  } else {
    OnMoved(transfer, static_cast<size_t>(result));
  }
}

void UringDisk::OnMoved(Transfer& transfer, size_t bytes) {
  transfer.left = WithoutFront(transfer.left, bytes);
  transfer.offset += bytes;
  if (transfer.left.empty()) {
    Finish(transfer, 0);
  } else {
    Enqueue(transfer);
  }
}

void UringDisk::OnAllocated(Transfer& transfer, int error) {
  if (error == EOPNOTSUPP || error == EINVAL) {
    DoInCall(transfer);  // which knows other ways
  } else if (error == 0 && transfer.request->durability == BlockDurability::kStable) {
    transfer.stabilizing = true;
    Enqueue(transfer);
  } else {
    Finish(transfer, error);
  }
}

void UringDisk::Finish(Transfer& transfer, int error) {
  BlockRequest& request = *transfer.request;
  BlockCompletion& completion = *transfer.completion;
  --in_flight_;
  idle_.push_back(&transfer);
  if (untold_ != nullptr && untold_ != &completion) untold_->OnBatchCompleted();
  untold_ = &completion;
  completion.OnCompleted(request, error);
}

void UringDisk::OnReadable() {
  TakeCompletions();
  HandOver();
  if (BlockCompletion* const whole = std::exchange(untold_, nullptr)) whole->OnBatchCompleted();
}

void UringDisk::Drain() {
  if (uring_ == nullptr) return;
  BlockCompletion* const outer = untold_;  // as in Commit()
  HandOver();
  while (in_flight_ != 0) {
    // Completions that cannot be waited for are looked for: that is rare, and the thread has
    // nothing else to do.
    if (!TakeCompletions() && uring_->Wait() != 0) std::this_thread::yield();
    HandOver();
  }
  untold_ = outer;
}

UringDisk::Transfer& UringDisk::TakeTransfer() {
  if (idle_.empty()) return transfers_.emplace_back();
  Transfer& transfer = *idle_.back();
  idle_.pop_back();
  return transfer;
}

}  // namespace mayfly::virtio
