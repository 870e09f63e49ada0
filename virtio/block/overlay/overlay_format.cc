#include "virtio/block/overlay/overlay_format.h"

#include <algorithm>
#include <cstring>

namespace mayfly::virtio {

absl::Status OverlayTooLarge() {
  return absl::InvalidArgumentError("it is larger than 16 TiB, which an overlay cannot be");
}

uint64_t OverlayHash(std::span<const std::byte> bytes, uint64_t hash) {
  // The golden ratio in 64 bits: odd, and without a pattern (Knuth, volume 3, 6.4).
  constexpr uint64_t kFactor = 0x9e37'79b9'7f4a'7c15;
  for (; bytes.size() >= sizeof hash; bytes = bytes.subspan(sizeof hash)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 32;
  }
  return hash;
}

uint64_t OverlayChecksum(const OverlayHeader& header) {
  return OverlayHash(std::as_bytes(std::span(&header, 1)).first(offsetof(OverlayHeader, checksum)),
                     0);
}

OverlayLayout OverlayLayout::OfFile(uint64_t capacity) {
  const uint64_t clusters = OfMemory(capacity).clusters();
  return {capacity, PageOffset(MapPages(clusters))};
}

ClusterRange OverlayLayout::Touching(uint64_t offset, uint64_t length) {
  const uint64_t end = offset + length;
  return {offset / kOverlayCluster, (end + kOverlayCluster - 1) / kOverlayCluster};
}

ClusterRange OverlayLayout::Within(uint64_t offset, uint64_t length) const {
  const uint64_t end = offset + length;
  const uint64_t begin = (offset + kOverlayCluster - 1) / kOverlayCluster;
  // The last cluster of the disk may be shorter than the others.
  const uint64_t last = end == capacity ? clusters() : end / kOverlayCluster;
  return {begin, std::max(begin, last)};
}

}  // namespace mayfly::virtio
