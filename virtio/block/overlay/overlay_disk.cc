#include "virtio/block/overlay/overlay_disk.h"

#include <cerrno>
#include <utility>

namespace mayfly::virtio {

OverlayDisk::OverlayDisk(std::unique_ptr<BlockBackend> base, std::unique_ptr<BlockBackend> upper,
                         OverlayContents contents, uint64_t cap)
    : base_(std::move(base)),
      upper_(std::move(upper)),
      contents_(std::move(contents)),
      in_call_(*base_, *upper_, contents_, cap) {}

ClusterRange OverlayDisk::Touching(const BlockRequest& request) {
  return OverlayLayout::Touching(request.offset, request.length);
}

bool OverlayDisk::IsAligned(const BlockRequest& request) const {
  return Touching(request) == contents_.layout.Within(request.offset, request.length);
}

void OverlayDisk::Submit(BlockRequest& request, BlockCompletion& completion) {
  switch (request.operation) {
    case BlockOperation::kRead:
      if (ForwardRead(request, completion)) return;
      break;
    case BlockOperation::kWrite:
      if (ForwardWrite(request, completion)) return;
      break;
    case BlockOperation::kFlush:
      if (!contents_.header) return completion.OnCompleted(request, 0);
      if (!contents_.map.dirty()) return Forward(request, completion, 0);
      break;
    case BlockOperation::kDiscard:
    case BlockOperation::kWriteZeroes:
      break;
  }
  // Nothing else is on its way then: filling a cluster, for one, would lose what another request is
  // writing to it.
  Drain();
  int error = in_call_.Perform(request);
  if (error == 0 && request.durability == BlockDurability::kStable &&
      request.operation != BlockOperation::kRead) {
    error = in_call_.Flush();
  }
  completion.OnCompleted(request, error);
}

bool OverlayDisk::ForwardRead(BlockRequest& request, BlockCompletion& completion) {
  const ClusterRange clusters = Touching(request);
  if (clusters.begin == clusters.end) return false;
  const OverlayMap::Run run = contents_.map.RunAt(clusters.begin, clusters.end);
  if (run.end != clusters.end) return false;
  switch (run.state) {
    case ClusterState::kBase:
      base_->Submit(request, completion);
      return true;
    case ClusterState::kData:
      Forward(request, completion, 0);
      return true;
    case ClusterState::kZero:
      OverlayIo::FillWithZeroes(request.buffers);
      completion.OnCompleted(request, 0);
      return true;
  }
  return false;
}

bool OverlayDisk::ForwardWrite(BlockRequest& request, BlockCompletion& completion) {
  const ClusterRange clusters = Touching(request);
  if (clusters.begin == clusters.end) return false;
  const OverlayMap::Run run = contents_.map.RunAt(clusters.begin, clusters.end);
  const bool all_data = run.state == ClusterState::kData && run.end == clusters.end;
  // A write that is to be durable needs the map to be so, too.
  const bool needs_flush = request.durability == BlockDurability::kStable && contents_.header &&
                           (contents_.map.dirty() || !all_data);
  if (needs_flush || (!all_data && !IsAligned(request))) return false;
  const uint64_t growth =
      all_data ? 0
               : contents_.map.GrowthBySetting(clusters.begin, clusters.end, ClusterState::kData);
  if (in_call_.Fits(growth, set_aside_)) {
    Forward(request, completion, growth);
  } else {
    completion.OnCompleted(request, EDQUOT);
  }
  return true;
}

void OverlayDisk::Forward(BlockRequest& request, BlockCompletion& completion, uint64_t growth) {
  if (idle_.empty()) idle_.push_back(&forwarded_.emplace_back());
  Forwarded& forwarded = *idle_.back();
  idle_.pop_back();
  static_cast<BlockRequest&>(forwarded) = request;
  forwarded.offset = contents_.layout.InUpper(request.offset);
  forwarded.original = &request;
  forwarded.completion = &completion;
  forwarded.growth = growth;
  set_aside_ += growth;
  upper_->Submit(forwarded, *this);
}

void OverlayDisk::OnCompleted(BlockRequest& request, int error) {
  Forwarded& forwarded = static_cast<Forwarded&>(request);
  BlockRequest& original = *forwarded.original;
  BlockCompletion& completion = *forwarded.completion;
  if (forwarded.growth != 0) {
    set_aside_ -= forwarded.growth;
    const ClusterRange clusters = Touching(original);
    if (error == 0) contents_.map.Set(clusters.begin, clusters.end, ClusterState::kData);
  }
  idle_.push_back(&forwarded);
  completed_ = &completion;
  completion.OnCompleted(original, error);
}

void OverlayDisk::OnBatchCompleted() {
  if (completed_ != nullptr) std::exchange(completed_, nullptr)->OnBatchCompleted();
}

void OverlayDisk::Commit() {
  base_->Commit();
  upper_->Commit();
}

void OverlayDisk::Drain() {
  base_->Drain();
  upper_->Drain();
  completed_ = nullptr;  // no batch of Drain() is told of
}

void OverlayDisk::Close() {
  // What was written reads back after a clean end, flushed or not, as on any disk.
  const bool saved = !contents_.map.dirty() || in_call_.Flush() == 0;
  if (contents_.header && saved) (void)in_call_.SaveHeader();
  upper_->Close();
  base_->Close();
}

}  // namespace mayfly::virtio
