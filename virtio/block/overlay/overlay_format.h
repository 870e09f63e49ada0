#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace mayfly::virtio {

// The file of an overlay's upper layer: a header, a map with two bits for each cluster of the disk,
// and the data, each cluster at its own place. All little-endian, and sparse: a file system stores
// what was written only.
//
//   0            OverlayHeader, the rest of its kOverlayPage zero
//   kOverlayPage the map: 4 clusters to a byte, the first in the low bits; pages of kOverlayPage
//   data         the data: cluster n at n * kOverlayCluster behind the end of the map
//
// Nothing in the file points anywhere: where things lie follows from the disk's capacity. So no
// content of the map can lead outside a cluster, into another one's data or into a loop, and the
// two bits of a cluster change alone: a page of the map that was half written when the power failed
// is as good as any.

// What is mapped as a whole: the block of file systems, the page of caches and the sector of disks,
// so that most writes of guests need nothing from the base. Bytes.
inline constexpr uint64_t kOverlayCluster = 4096;
// Bytes of the header, and of the pieces in which the map is read and written.
inline constexpr uint64_t kOverlayPage = 4096;
// Such a piece, aligned for files opened with O_DIRECT.
struct alignas(kOverlayPage) OverlayPage {
  std::array<std::byte, kOverlayPage> bytes{};
};
// Capacities go up to this, in bytes: the map of such a disk takes 1 GiB, if it is all in use.
inline constexpr uint64_t kOverlayMaxCapacity = uint64_t{16} << 40;
[[nodiscard]] absl::Status OverlayTooLarge();

inline constexpr std::array<char, 8> kOverlayMagic = {'M', 'a', 'y', 'f', 'l', 'y', 'O', 'v'};
inline constexpr uint32_t kOverlayVersion = 1;

enum class ClusterState : uint8_t {
  kBase = 0,  // as in the base
  kData = 1,  // in the upper
  kZero = 2,  // zeroes: discarded, or written as such
};
inline constexpr unsigned kClusterStateBits = 2;
inline constexpr uint64_t kClustersPerPage = kOverlayPage * 8 / kClusterStateBits;

// In OverlayHeader::flags. While it is set, the file may hold data that the map does not know of:
// either it is in use, or its last user died.
inline constexpr uint32_t kOverlayInUse = 1;

struct OverlayHeader {
  std::array<char, 8> magic = kOverlayMagic;
  uint32_t version = kOverlayVersion;
  uint32_t cluster_size = kOverlayCluster;  // bytes
  uint64_t capacity = 0;                    // of the base, in bytes
  int64_t base_modified = 0;                // when the base was written last: ns since 1970, or 0
  uint64_t base_sample = 0;                 // OverlayHash() of parts of the base: BaseIdentity
  uint32_t flags = 0;
  uint32_t reserved = 0;
  uint64_t checksum = 0;  // OverlayHash() of all before
};
static_assert(sizeof(OverlayHeader) == 56 && offsetof(OverlayHeader, checksum) == 48);

// 64 bits that tell apart what differs by accident, not by intent. Begin with `hash` 0, or go on
// with an earlier answer. `bytes` are a multiple of 8.
[[nodiscard]] uint64_t OverlayHash(std::span<const std::byte> bytes, uint64_t hash);
[[nodiscard]] uint64_t OverlayChecksum(const OverlayHeader& header);

// Clusters in a row.
struct ClusterRange {
  uint64_t begin = 0;
  uint64_t end = 0;  // the first one behind
  friend bool operator==(const ClusterRange&, const ClusterRange&) = default;
};

// Where things lie in an upper; in one of memory there are the data only. Bytes.
struct OverlayLayout {
  uint64_t capacity = 0;
  uint64_t data_offset = 0;

  // `capacity` is at most kOverlayMaxCapacity.
  [[nodiscard]] static OverlayLayout OfFile(uint64_t capacity);
  [[nodiscard]] static OverlayLayout OfMemory(uint64_t capacity) { return {capacity, 0}; }

  [[nodiscard]] uint64_t clusters() const {
    return capacity / kOverlayCluster + (capacity % kOverlayCluster == 0 ? 0 : 1);
  }
  [[nodiscard]] uint64_t size() const { return data_offset + clusters() * kOverlayCluster; }
  // Those that a range of the disk touches, if only in part, and those that lie in it from begin to
  // end.
  [[nodiscard]] static ClusterRange Touching(uint64_t offset, uint64_t length);
  [[nodiscard]] ClusterRange Within(uint64_t offset, uint64_t length) const;
  // Where the upper has what is at `offset` of the disk.
  [[nodiscard]] uint64_t InUpper(uint64_t offset) const { return data_offset + offset; }
  // Pages of the map of so many clusters, and where in a file one of them lies.
  [[nodiscard]] static uint64_t MapPages(uint64_t clusters) {
    return (clusters + kClustersPerPage - 1) / kClustersPerPage;
  }
  [[nodiscard]] static uint64_t PageOffset(uint64_t page) { return (page + 1) * kOverlayPage; }
};

}  // namespace mayfly::virtio
