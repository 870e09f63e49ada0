#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "virtio/block/block_backend.h"
#include "virtio/block/overlay/overlay_io.h"
#include "virtio/block/overlay/overlay_upper.h"

namespace mayfly::virtio {

// A disk that begins as a base, which is only read and can be shared with any number of others, and
// keeps what is written to it in a sparse layer above, the upper. Threading: as BlockBackend.
//
// Requests that lie in one layer are handed to it as they are, and complete when it completes them.
// The rest (such as a first write of less than a cluster, which has to be filled from the base)
// is done in the call, after all that is on its way (OverlayIo).
//
// What was flushed is safe in a file upper: data are made durable first, then the part of the map
// that leads to them. Whatever dies in between, process or machine, a cluster is what it was before
// or what it was to become.
class OverlayDisk final : public BlockBackend, private BlockCompletion {
 public:
  // For `cap`: what the upper takes is not limited.
  static constexpr uint64_t kNoCap = ~uint64_t{0};

  // `upper` is the disk of OverlayUpper::file, `contents` what came with it; `base` has the same
  // capacity. `cap`: bytes that the upper may take, its map included. What would take more fails
  // with EDQUOT (ENOSPC is the host's own), and changes nothing.
  OverlayDisk(std::unique_ptr<BlockBackend> base, std::unique_ptr<BlockBackend> upper,
              OverlayContents contents, uint64_t cap);
  // Without Close(), the upper is left as if the process had been killed.
  ~OverlayDisk() override = default;

  [[nodiscard]] uint64_t capacity() const override { return contents_.layout.capacity; }
  [[nodiscard]] BlockAccess access() const override { return BlockAccess::kReadWrite; }
  [[nodiscard]] uint32_t discard_granularity() const override { return kOverlayCluster; }
  [[nodiscard]] uint32_t physical_block_size() const override { return kOverlayCluster; }

  void Submit(BlockRequest& request, BlockCompletion& completion) override;
  void Commit() override;
  void Drain() override;
  void Close() override;

  // What the upper takes, in bytes.
  [[nodiscard]] uint64_t used_bytes() const { return contents_.map.used_bytes(); }

 private:
  // A request on its way through the upper.
  struct Forwarded final : BlockRequest {
    BlockRequest* original = nullptr;
    BlockCompletion* completion = nullptr;
    uint64_t growth = 0;  // bytes under the cap that are set aside for it
  };

  [[nodiscard]] static ClusterRange Touching(const BlockRequest& request);
  [[nodiscard]] bool IsAligned(const BlockRequest& request) const;

  // Each begins the request where it needs one layer only, and answers whether it did.
  [[nodiscard]] bool ForwardRead(BlockRequest& request, BlockCompletion& completion);
  [[nodiscard]] bool ForwardWrite(BlockRequest& request, BlockCompletion& completion);
  void Forward(BlockRequest& request, BlockCompletion& completion, uint64_t growth);
  void OnCompleted(BlockRequest& request, int error) override;
  void OnBatchCompleted() override;

  const std::unique_ptr<BlockBackend> base_;
  const std::unique_ptr<BlockBackend> upper_;
  OverlayContents contents_;
  OverlayIo in_call_;

  uint64_t set_aside_ = 0;                // the growth of all that is on its way
  BlockCompletion* completed_ = nullptr;  // whom to tell that a batch is over
  std::deque<Forwarded> forwarded_;       // as many as were ever on their way; addresses stay
  std::vector<Forwarded*> idle_;
};

}  // namespace mayfly::virtio
