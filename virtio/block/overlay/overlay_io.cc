#include "virtio/block/overlay/overlay_io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "virtio/core/buffers.h"

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

void OverlayIo::FillWithZeroes(std::span<const iovec> buffers) {
  for (const iovec& buffer : buffers) std::memset(buffer.iov_base, 0, buffer.iov_len);
}

bool OverlayIo::Fits(uint64_t growth, uint64_t set_aside) const {
  const uint64_t used = contents_.map.used_bytes() + set_aside;
  // A cap may be lower than what is used already. What needs nothing more always fits.
  return growth == 0 || (used <= cap_ && growth <= cap_ - used);
}

int OverlayIo::Perform(const BlockRequest& request) {
  switch (request.operation) {
    case BlockOperation::kRead:
      return Read(request);
    case BlockOperation::kWrite:
      return Write(request.offset, request.length, request.buffers);
    case BlockOperation::kFlush:
      return Flush();
    case BlockOperation::kDiscard:
      // What is less than a cluster stays: a discard is a hint (virtio 1.2, 5.2.6.2).
      return Drop(contents_.layout.Within(request.offset, request.length));
    case BlockOperation::kWriteZeroes:
      return WriteZeroes(request);
  }
  return EOPNOTSUPP;
}

int OverlayIo::Read(const BlockRequest& request) {
  const ClusterRange clusters = OverlayLayout::Touching(request.offset, request.length);
  const uint64_t end = request.offset + request.length;
  std::span<iovec> rest = request.buffers;
  for (uint64_t offset = request.offset; offset < end;) {
    const OverlayMap::Run run = contents_.map.RunAt(offset / kOverlayCluster, clusters.end);
    const uint64_t length = std::min(end, run.end * kOverlayCluster) - offset;
    TakeFront(rest, length, slice_);
    int error = 0;
    switch (run.state) {
      case ClusterState::kBase:
        error = Await(base_, BlockOperation::kRead, offset, length, slice_);
        break;
      case ClusterState::kData:
        error =
            Await(upper_, BlockOperation::kRead, contents_.layout.InUpper(offset), length, slice_);
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

int OverlayIo::Write(uint64_t offset, uint64_t length, std::span<iovec> buffers) {
  if (length == 0) return 0;
  const uint64_t end = offset + length;
  const ClusterRange clusters = OverlayLayout::Touching(offset, length);
  if (!Fits(contents_.map.GrowthBySetting(clusters.begin, clusters.end, ClusterState::kData), 0)) {
    return EDQUOT;
  }
  const bool begins_within = offset % kOverlayCluster != 0;
  const bool ends_within = end % kOverlayCluster != 0 && end != contents_.layout.capacity;
  const uint64_t last = clusters.end - 1;
  if (begins_within) {
    if (const int error = Fill(clusters.begin); error != 0) return error;
  }
  if (ends_within && !(begins_within && last == clusters.begin)) {
    if (const int error = Fill(last); error != 0) return error;
  }
  const int error =
      Await(upper_, BlockOperation::kWrite, contents_.layout.InUpper(offset), length, buffers);
  if (error == 0) contents_.map.Set(clusters.begin, clusters.end, ClusterState::kData);
  return error;
}

// Puts what a cluster that is not in the upper reads as into the upper: all of it, as there may be
// something else of an earlier time. The map stays as it is.
int OverlayIo::Fill(uint64_t cluster) {
  const OverlayMap::Run run = contents_.map.RunAt(cluster, cluster + 1);
  if (run.state == ClusterState::kData) return 0;
  const uint64_t offset = cluster * kOverlayCluster;
  scratch_.bytes.fill(std::byte{0});
  if (run.state == ClusterState::kBase) {
    const uint64_t length = std::min(kOverlayCluster, contents_.layout.capacity - offset);
    const int error =
        Await(base_, BlockOperation::kRead, offset, std::span(scratch_.bytes).first(length));
    if (error != 0) return error;
  }
  return Await(upper_, BlockOperation::kWrite, contents_.layout.InUpper(offset), scratch_.bytes);
}

int OverlayIo::WriteZeroes(const BlockRequest& request) {
  const uint64_t end = request.offset + request.length;
  const ClusterRange whole = contents_.layout.Within(request.offset, request.length);
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
int OverlayIo::WriteZeroesInPart(uint64_t offset, uint64_t end) {
  if (offset == end) return 0;
  const uint64_t cluster = offset / kOverlayCluster;
  if (contents_.map.RunAt(cluster, cluster + 1).state == ClusterState::kZero) return 0;
  iovec buffer = {.iov_base = zeroes_.bytes.data(), .iov_len = end - offset};
  return Write(offset, end - offset, std::span(&buffer, 1));
}

// What takes space goes on doing so; what does not needs none to be zero.
int OverlayIo::WriteZeroesInPlace(ClusterRange clusters) {
  if (!Fits(contents_.map.GrowthBySetting(clusters.begin, clusters.end, ClusterState::kZero), 0)) {
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
    if (upper_.discard_granularity() != 0) {
      error = Await(upper_, BlockOperation::kWriteZeroes,
                    contents_.layout.InUpper(clusters.begin * kOverlayCluster),
                    (run.end - clusters.begin) * kOverlayCluster);
    } else {
      run.end = clusters.begin + 1;
      error = Await(upper_, BlockOperation::kWrite,
                    contents_.layout.InUpper(clusters.begin * kOverlayCluster), zeroes_.bytes);
    }
    if (error != 0) return error;
    clusters.begin = run.end;
  }
  return 0;
}

// Makes clusters zero, and gives back what they take.
int OverlayIo::Drop(ClusterRange clusters) {
  if (clusters.begin == clusters.end) return 0;
  if (!Fits(contents_.map.GrowthBySetting(clusters.begin, clusters.end, ClusterState::kZero), 0)) {
    return EDQUOT;
  }
  const uint64_t data_before = contents_.map.data_clusters();
  contents_.map.Set(clusters.begin, clusters.end, ClusterState::kZero);
  if (contents_.map.data_clusters() != data_before && upper_.discard_granularity() != 0) {
    // In one go: a request for each run of data would let a guest ask for very many at once. Where
    // it cannot be done, only space is lost: the map says that there is nothing.
    (void)Await(upper_, BlockOperation::kDiscard,
                contents_.layout.InUpper(clusters.begin * kOverlayCluster),
                (clusters.end - clusters.begin) * kOverlayCluster);
  }
  return 0;
}

int OverlayIo::Flush() {
  if (!contents_.header) return 0;  // in memory nothing lasts
  if (!contents_.map.dirty()) return Await(upper_, BlockOperation::kFlush, 0, 0);
  // The data first: the map must not lead to what is not there.
  int error = Await(upper_, BlockOperation::kFlush, 0, 0);
  if (error == 0) error = SaveMap();
  if (error == 0) error = Await(upper_, BlockOperation::kFlush, 0, 0);
  if (error == 0) contents_.map.SetSaved();
  return error;
}

int OverlayIo::SaveMap() {
  const std::span<const uint64_t> pages = contents_.map.SortDirtyPages();
  for (size_t at = 0; at < pages.size();) {
    const uint64_t first = pages[at];
    uint64_t end = first;
    // Neighbours in one go.
    for (; at < pages.size() && pages[at] == end; ++at) ++end;
    std::byte* const begin = contents_.map.page(first).data();
    const int error = Await(upper_, BlockOperation::kWrite, OverlayLayout::PageOffset(first),
                            std::span(begin, (end - first) * kOverlayPage));
    if (error != 0) return error;
  }
  return 0;
}

// Says that the file is no longer in use.
int OverlayIo::SaveHeader() {
  OverlayHeader header = *contents_.header;
  header.flags &= ~kOverlayInUse;
  header.checksum = OverlayChecksum(header);
  scratch_.bytes.fill(std::byte{0});
  std::memcpy(scratch_.bytes.data(), &header, sizeof header);
  return Await(upper_, BlockOperation::kWrite, 0, scratch_.bytes);
}

}  // namespace mayfly::virtio
