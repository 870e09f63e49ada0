#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "virtio/block/block_backend.h"
#include "virtio/core/buffers.h"
#include "virtio/protocol/block_protocol.h"

namespace mayfly::virtio {

// A driver's request (virtio 1.2, 5.2.6) from Queue::Pop() to Queue::Push(): takes the chain apart,
// checks what it says, and makes of it what a backend can do.
//
// Reused from request to request; nothing is allocated but for one larger than all before. Stays
// where it is while parts are with a backend. Not thread-safe.
class BlockJob {
 public:
  // What a transfer may move, in bytes. A driver that repeats a buffer could ask for 4 GiB at once;
  // those that are in use ask for a few MiB at most (Linux: max_sectors_kb). Why they are not told:
  // docs/disks.md.
  static constexpr uint64_t kMaxTransferBytes = uint64_t{64} << 20;
  // What a segment of a discard costs, in bytes moved: it moves none, but takes its time.
  static constexpr uint64_t kDiscardCost = uint64_t{1} << 20;

  // A piece for the backend: most jobs have one; a discard and zeroes have one for each segment.
  struct Part final : BlockRequest {
    BlockJob* job = nullptr;
  };

  // What the driver may ask for.
  struct Terms {
    uint64_t features = 0;  // accepted
    uint64_t capacity = 0;  // bytes
    BlockAccess access = BlockAccess::kReadWrite;
    BlockDurability durability = BlockDurability::kCached;
  };

  BlockJob() = default;
  BlockJob(const BlockJob&) = delete;
  BlockJob& operator=(const BlockJob&) = delete;

  // For Queue::Pop(), before anything else is called.
  [[nodiscard]] Chain& chain() { return chain_; }
  // Takes header and status byte off the chain. False where it has no room for them.
  [[nodiscard]] bool TakeFraming();
  [[nodiscard]] BlockRequestType type() const { return type_; }
  // Makes the parts. Other than kOk: the answer, and nothing is to be done.
  [[nodiscard]] BlockStatus Plan(const Terms& terms);
  // What is to be done; nothing, where the driver asks for no bytes.
  [[nodiscard]] std::span<Part> parts() { return parts_; }
  // Bytes that the job moves, for a rate limit: data, and zeroes, which storage may have to write.
  [[nodiscard]] uint64_t moved_bytes() const { return moved_bytes_; }
  // How much work the job is for a backend, in bytes moved: at most kMaxTransferBytes.
  [[nodiscard]] uint64_t cost() const { return cost_; }

  // A part came to `error` (an errno value, or 0). True where it was the last.
  [[nodiscard]] bool FinishPart(int error);
  // The first error of a part.
  [[nodiscard]] int error() const { return error_; }

  // Writes the answer to a GET_ID; returns how many bytes of the room for data were written.
  [[nodiscard]] size_t PutId(std::span<const std::byte> id) { return chain_.writable.PutFront(id); }
  // Writes the status. `written`: bytes of the room for data, from its begin, that were written.
  // Returns the length for Queue::Push().
  [[nodiscard]] uint32_t Answer(BlockStatus status, uint64_t written) const;

 private:
  [[nodiscard]] BlockStatus PlanTransfer(BlockOperation operation, const Terms& terms);
  [[nodiscard]] BlockStatus PlanFlush();
  [[nodiscard]] BlockStatus PlanSegments(BlockOperation operation, const Terms& terms);
  [[nodiscard]] BlockStatus AddSegment(BlockOperation operation, const BlockSegment& segment,
                                       const Terms& terms);
  void AddPart(BlockOperation operation, uint64_t offset, uint64_t length);

  Chain chain_;
  std::byte* status_ = nullptr;  // in guest memory
  uint64_t room_ = 0;            // bytes of the writable part before it
  BlockRequestType type_ = BlockRequestType::kIn;
  uint64_t sector_ = 0;
  std::vector<Part> parts_;
  size_t unfinished_ = 0;  // of parts_
  uint64_t moved_bytes_ = 0;
  uint64_t cost_ = 0;
  int error_ = 0;
};

}  // namespace mayfly::virtio
