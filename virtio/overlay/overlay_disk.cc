#include "virtio/overlay/overlay_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "virtio/buffers.h"

namespace mayfly::virtio {
namespace {

// Remembers what a request came to.
class Outcome final : public BlockCompletion {
 public:
  void OnCompleted(BlockRequest& /*request*/, int error) override { error_ = error; }
  void OnBatchCompleted() override {}

  [[nodiscard]] const std::optional<int>& error() const { return error_; }

 private:
  std::optional<int> error_;
};

// Has `backend` do `request`, and nothing else. Answers 0 or an errno value.
int Await(BlockBackend& backend, BlockRequest request) {
  Outcome outcome;
  backend.Submit(request, outcome);
  if (!outcome.error()) {
    backend.Commit();
    backend.Drain();
  }
  return outcome.error().value_or(EIO);
}

int Await(BlockBackend& backend, BlockOperation operation, uint64_t offset, uint64_t length,
          std::span<iovec> buffers = {}) {
  BlockRequest request;
  request.operation = operation;
  request.offset = offset;
  request.length = length;
  request.buffers = buffers;
  return Await(backend, request);
}

int Await(BlockBackend& backend, BlockOperation operation, uint64_t offset,
          std::span<std::byte> bytes) {
  iovec buffer = {.iov_base = bytes.data(), .iov_len = bytes.size()};
  return Await(backend, operation, offset, bytes.size(), std::span(&buffer, 1));
}

void FillWithZeroes(std::span<const iovec> buffers) {
  for (const iovec& buffer : buffers) std::memset(buffer.iov_base, 0, buffer.iov_len);
}

// Moves the first `bytes` of `rest`, which has as many, to `front`.
void TakeFront(std::span<iovec>& rest, uint64_t bytes, std::vector<iovec>& front) {
  front.clear();
  uint64_t missing = bytes;
  for (const iovec& buffer : rest) {
    if (missing == 0) break;
    const size_t part = std::min<uint64_t>(missing, buffer.iov_len);
    front.push_back({.iov_base = buffer.iov_base, .iov_len = part});
    missing -= part;
  }
  rest = WithoutFront(rest, bytes);
}

}  // namespace

OverlayDisk::OverlayDisk(std::unique_ptr<BlockBackend> base, std::unique_ptr<BlockBackend> upper,
                         OverlayContents contents, uint64_t cap)
    : base_(std::move(base)), upper_(std::move(upper)), contents_(std::move(contents)), cap_(cap) {}

OverlayDisk::Clusters OverlayDisk::Touching(const BlockRequest& request) {
  const uint64_t end = request.offset + request.length;
  return {request.offset / kOverlayCluster, (end + kOverlayCluster - 1) / kOverlayCluster};
}

// Those that lie in it from begin to end.
OverlayDisk::Clusters OverlayDisk::Within(const BlockRequest& request) const {
  const uint64_t end = request.offset + request.length;
  const uint64_t begin = (request.offset + kOverlayCluster - 1) / kOverlayCluster;
  // The last cluster of the disk may be shorter than the others.
  const uint64_t last = end == capacity() ? contents_.layout.clusters() : end / kOverlayCluster;
  return {begin, std::max(begin, last)};
}

bool OverlayDisk::IsAligned(const BlockRequest& request) const {
  const Clusters touching = Touching(request);
  const Clusters within = Within(request);
  return touching.begin == within.begin && touching.end == within.end;
}

bool OverlayDisk::Fits(uint64_t growth) const {
  const uint64_t used = used_bytes() + set_aside_;
  // A cap may be lower than what is used already. What needs nothing more always fits.
  return growth == 0 || (used <= cap_ && growth <= cap_ - used);
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
  int error = Perform(request);
  if (error == 0 && request.durability == BlockDurability::kStable &&
      request.operation != BlockOperation::kRead) {
    error = Flush();
  }
  completion.OnCompleted(request, error);
}

bool OverlayDisk::ForwardRead(BlockRequest& request, BlockCompletion& completion) {
  const Clusters clusters = Touching(request);
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
      FillWithZeroes(request.buffers);
      completion.OnCompleted(request, 0);
      return true;
  }
  return false;
}

bool OverlayDisk::ForwardWrite(BlockRequest& request, BlockCompletion& completion) {
  const Clusters clusters = Touching(request);
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
  if (Fits(growth)) {
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
  forwarded.offset = InUpper(request.offset);
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
    const Clusters clusters = Touching(original);
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
  const bool saved = !contents_.map.dirty() || Flush() == 0;
  if (contents_.header && saved) (void)SaveHeader();
  upper_->Close();
  base_->Close();
}

int OverlayDisk::Perform(const BlockRequest& request) {
  switch (request.operation) {
    case BlockOperation::kRead:
      return Read(request);
    case BlockOperation::kWrite:
      return Write(request.offset, request.length, request.buffers);
    case BlockOperation::kFlush:
      return Flush();
    case BlockOperation::kDiscard:
      // What is less than a cluster stays: a discard is a hint (virtio 1.2, 5.2.6.2).
      return Drop(Within(request));
    case BlockOperation::kWriteZeroes:
      return WriteZeroes(request);
  }
  return EOPNOTSUPP;
}

int OverlayDisk::Read(const BlockRequest& request) {
  const Clusters clusters = Touching(request);
  const uint64_t end = request.offset + request.length;
  std::span<iovec> rest = request.buffers;
  for (uint64_t offset = request.offset; offset < end;) {
    const OverlayMap::Run run = contents_.map.RunAt(offset / kOverlayCluster, clusters.end);
    const uint64_t length = std::min(end, run.end * kOverlayCluster) - offset;
    TakeFront(rest, length, slice_);
    int error = 0;
    switch (run.state) {
      case ClusterState::kBase:
        error = Await(*base_, BlockOperation::kRead, offset, length, slice_);
        break;
      case ClusterState::kData:
        error = Await(*upper_, BlockOperation::kRead, InUpper(offset), length, slice_);
        break;
      case ClusterState::kZero:
        FillWithZeroes(slice_);
        break;
    }
    if (error != 0) return error;
    offset += length;
  }
  return 0;
}

int OverlayDisk::Write(uint64_t offset, uint64_t length, std::span<iovec> buffers) {
  if (length == 0) return 0;
  const uint64_t end = offset + length;
  BlockRequest range;
  range.offset = offset;
  range.length = length;
  const Clusters clusters = Touching(range);
  if (!Fits(contents_.map.GrowthBySetting(clusters.begin, clusters.end, ClusterState::kData))) {
    return EDQUOT;
  }
  const bool begins_within = offset % kOverlayCluster != 0;
  const bool ends_within = end % kOverlayCluster != 0 && end != capacity();
  const uint64_t last = clusters.end - 1;
  if (begins_within) {
    if (const int error = Fill(clusters.begin); error != 0) return error;
  }
  if (ends_within && !(begins_within && last == clusters.begin)) {
    if (const int error = Fill(last); error != 0) return error;
  }
  const int error = Await(*upper_, BlockOperation::kWrite, InUpper(offset), length, buffers);
  if (error == 0) contents_.map.Set(clusters.begin, clusters.end, ClusterState::kData);
  return error;
}

// Puts what a cluster that is not in the upper reads as into the upper: all of it, as there may be
// something else of an earlier time. The map stays as it is.
int OverlayDisk::Fill(uint64_t cluster) {
  const OverlayMap::Run run = contents_.map.RunAt(cluster, cluster + 1);
  if (run.state == ClusterState::kData) return 0;
  const uint64_t offset = cluster * kOverlayCluster;
  scratch_.bytes.fill(std::byte{0});
  if (run.state == ClusterState::kBase) {
    const uint64_t length = std::min(kOverlayCluster, capacity() - offset);
    const int error =
        Await(*base_, BlockOperation::kRead, offset, std::span(scratch_.bytes).first(length));
    if (error != 0) return error;
  }
  return Await(*upper_, BlockOperation::kWrite, InUpper(offset), scratch_.bytes);
}

int OverlayDisk::WriteZeroes(const BlockRequest& request) {
  const uint64_t end = request.offset + request.length;
  const Clusters whole = Within(request);
  const uint64_t whole_begin = whole.begin * kOverlayCluster;
  const uint64_t whole_end = std::min(end, whole.end * kOverlayCluster);
  if (whole.begin == whole.end) {
    // Less than a cluster, or parts of two.
    const uint64_t seam = std::min(end, whole_begin);
    const int error = WriteZeroesInPart(request.offset, seam);
    return error != 0 ? error : WriteZeroesInPart(seam, end);
  }
  int error = WriteZeroesInPart(request.offset, whole_begin);
  if (error == 0) error = WriteZeroesInPart(whole_end, end);
  if (error != 0) return error;
  return request.zeroing == BlockZeroing::kMayUnmap ? Drop(whole) : WriteZeroesInPlace(whole);
}

// Of one cluster at most.
int OverlayDisk::WriteZeroesInPart(uint64_t offset, uint64_t end) {
  if (offset == end) return 0;
  const uint64_t cluster = offset / kOverlayCluster;
  if (contents_.map.RunAt(cluster, cluster + 1).state == ClusterState::kZero) return 0;
  iovec buffer = {.iov_base = zeroes_.bytes.data(), .iov_len = end - offset};
  return Write(offset, end - offset, std::span(&buffer, 1));
}

// What takes space goes on doing so; what does not needs none to be zero.
int OverlayDisk::WriteZeroesInPlace(Clusters clusters) {
  if (!Fits(contents_.map.GrowthBySetting(clusters.begin, clusters.end, ClusterState::kZero))) {
    return EDQUOT;
  }
  while (clusters.begin < clusters.end) {
    OverlayMap::Run run = contents_.map.RunAt(clusters.begin, clusters.end);
    if (run.state != ClusterState::kData) {
      contents_.map.Set(clusters.begin, run.end, ClusterState::kZero);
      clusters.begin = run.end;
      continue;
    }
    int error = 0;
    if (upper_->discard_granularity() != 0) {
      error =
          Await(*upper_, BlockOperation::kWriteZeroes, InUpper(clusters.begin * kOverlayCluster),
                (run.end - clusters.begin) * kOverlayCluster);
    } else {
      run.end = clusters.begin + 1;
      error = Await(*upper_, BlockOperation::kWrite, InUpper(clusters.begin * kOverlayCluster),
                    zeroes_.bytes);
    }
    if (error != 0) return error;
    clusters.begin = run.end;
  }
  return 0;
}

// Makes clusters zero, and gives back what they take.
int OverlayDisk::Drop(Clusters clusters) {
  if (clusters.begin == clusters.end) return 0;
  if (!Fits(contents_.map.GrowthBySetting(clusters.begin, clusters.end, ClusterState::kZero))) {
    return EDQUOT;
  }
  const uint64_t data_before = contents_.map.data_clusters();
  contents_.map.Set(clusters.begin, clusters.end, ClusterState::kZero);
  if (contents_.map.data_clusters() != data_before && upper_->discard_granularity() != 0) {
    // In one go: a request for each run of data would let a guest ask for very many at once. Where
    // it cannot be done, only space is lost: the map says that there is nothing.
    (void)Await(*upper_, BlockOperation::kDiscard, InUpper(clusters.begin * kOverlayCluster),
                (clusters.end - clusters.begin) * kOverlayCluster);
  }
  return 0;
}

int OverlayDisk::Flush() {
  if (!contents_.header) return 0;  // in memory nothing lasts
  if (!contents_.map.dirty()) return Await(*upper_, BlockOperation::kFlush, 0, 0);
  // The data first: the map must not lead to what is not there.
  int error = Await(*upper_, BlockOperation::kFlush, 0, 0);
  if (error == 0) error = SaveMap();
  if (error == 0) error = Await(*upper_, BlockOperation::kFlush, 0, 0);
  if (error == 0) contents_.map.SetSaved();
  return error;
}

int OverlayDisk::SaveMap() {
  const std::span<const uint64_t> pages = contents_.map.SortDirtyPages();
  for (size_t at = 0; at < pages.size();) {
    const uint64_t first = pages[at];
    uint64_t end = first;
    // Neighbours in one go.
    for (; at < pages.size() && pages[at] == end; ++at) ++end;
    std::byte* const begin = contents_.map.page(first).data();
    const int error = Await(*upper_, BlockOperation::kWrite, OverlayLayout::PageOffset(first),
                            std::span(begin, (end - first) * kOverlayPage));
    if (error != 0) return error;
  }
  return 0;
}

// Says that the file is no longer in use.
int OverlayDisk::SaveHeader() {
  OverlayHeader header = *contents_.header;
  header.flags &= ~kOverlayInUse;
  header.checksum = OverlayChecksum(header);
  scratch_.bytes.fill(std::byte{0});
  std::memcpy(scratch_.bytes.data(), &header, sizeof header);
  return Await(*upper_, BlockOperation::kWrite, 0, scratch_.bytes);
}

}  // namespace mayfly::virtio
