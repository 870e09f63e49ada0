#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "virtio/block/block_backend.h"
#include "virtio/block/overlay/overlay_format.h"
#include "virtio/block/overlay/overlay_upper.h"

namespace mayfly::virtio {

// Does what a request asks of the two layers of an overlay, in the call: what needs both, or
// changes the map but not data. Each function that may fail answers 0 or an errno value.
//
// Threading: one thread at a time, with nothing else on its way to the layers: filling a cluster,
// for one, would lose what another request is writing to it.
class OverlayIo final {
 public:
  // All of them outlive this. `cap`: as OverlayDisk's.
  OverlayIo(BlockBackend& base, BlockBackend& upper, OverlayContents& contents, uint64_t cap)
      : base_(base), upper_(upper), contents_(contents), cap_(cap) {}

  [[nodiscard]] int Perform(const BlockRequest& request);
  // Makes data durable, then the part of the map that leads to them.
  [[nodiscard]] int Flush();
  // Says that the file is no longer in use.
  [[nodiscard]] int SaveHeader();

  // Whether the upper may take `growth` bytes more when it has taken `set_aside` more.
  [[nodiscard]] bool Fits(uint64_t growth, uint64_t set_aside) const;
  static void FillWithZeroes(std::span<const iovec> buffers);

 private:
  [[nodiscard]] int Read(const BlockRequest& request);
  [[nodiscard]] int Write(uint64_t offset, uint64_t length, std::span<iovec> buffers);
  [[nodiscard]] int Fill(uint64_t cluster);
  [[nodiscard]] int WriteZeroes(const BlockRequest& request);
  [[nodiscard]] int WriteZeroesInPart(uint64_t offset, uint64_t end);
  [[nodiscard]] int WriteZeroesInPlace(ClusterRange clusters);
  [[nodiscard]] int Drop(ClusterRange clusters);
  [[nodiscard]] int SaveMap();

  BlockBackend& base_;
  BlockBackend& upper_;
  OverlayContents& contents_;
  const uint64_t cap_;

  std::vector<iovec> slice_;
  struct alignas(kOverlayCluster) Cluster {
    std::array<std::byte, kOverlayCluster> bytes{};
  };
  Cluster scratch_;
  Cluster zeroes_;  // never written
};

}  // namespace mayfly::virtio
