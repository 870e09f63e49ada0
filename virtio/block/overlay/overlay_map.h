#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "virtio/block/overlay/overlay_format.h"

namespace mayfly::virtio {

// Where each cluster of an overlay's disk is, and what that takes. Memory for the whole disk is
// reserved, and used by the page, as states other than kBase come up. Not thread-safe.
//
// Clusters are counted from 0; every range lies within clusters().
class OverlayMap final {
 public:
  // Clusters from where one asked on that are alike.
  struct Run {
    ClusterState state = ClusterState::kBase;
    uint64_t end = 0;  // the first cluster behind
  };

  // A disk of this many clusters, at least one, all kBase.
  [[nodiscard]] static absl::StatusOr<OverlayMap> Create(uint64_t clusters);

  [[nodiscard]] uint64_t clusters() const { return clusters_; }
  // `begin` < `end`; the run ends there at the latest.
  [[nodiscard]] Run RunAt(uint64_t begin, uint64_t end) const;
  void Set(uint64_t begin, uint64_t end, ClusterState state);

  // Clusters that are kData.
  [[nodiscard]] uint64_t data_clusters() const { return data_clusters_; }
  // What the upper takes, in bytes: data, and pages of the map.
  [[nodiscard]] uint64_t used_bytes() const {
    return data_clusters_ * kOverlayCluster + used_pages_ * kOverlayPage;
  }
  // What Set() would add to it at most: what it frees is not counted.
  [[nodiscard]] uint64_t GrowthBySetting(uint64_t begin, uint64_t end, ClusterState state) const;

  // For the file: the pages whose content has changed since they were last said to be saved.
  [[nodiscard]] bool dirty() const { return !dirty_pages_.empty(); }
  // In ascending order.
  [[nodiscard]] std::span<const uint64_t> SortDirtyPages();
  void SetSaved();
  // As it stands in the file. Pages follow each other in memory.
  [[nodiscard]] std::span<std::byte> page(uint64_t page) const;
  // Takes over a page of the file, for one that is all kBase. Errors: DataLoss for bits that mean
  // nothing.
  [[nodiscard]] absl::Status Load(uint64_t page, std::span<const std::byte> content);

 private:
  OverlayMap(uint64_t clusters, Mapping words);

  // Words of 32 clusters. Only those of used pages are touched.
  [[nodiscard]] std::span<uint64_t> words() const;
  // Replaces the states under `mask` in a word; true where that changed it.
  bool SetWord(uint64_t index, uint64_t mask, ClusterState state);

  uint64_t clusters_;
  Mapping words_;
  std::vector<bool> page_used_;
  std::vector<bool> page_dirty_;
  std::vector<uint64_t> dirty_pages_;
  uint64_t used_pages_ = 0;
  uint64_t data_clusters_ = 0;
};

}  // namespace mayfly::virtio
