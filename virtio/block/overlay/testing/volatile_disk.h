#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "virtio/block/block_backend.h"
#include "virtio/block/overlay/testing/sparse_bytes.h"

namespace mayfly::virtio {

// What a file is to the processes that use it, and what of it would be left if the power failed:
// all that was flushed, and any sectors of what was not.
class DiskImage final {
 public:
  void Read(uint64_t offset, std::span<std::byte> out) const { current_.Read(offset, out); }
  void Write(uint64_t offset, std::span<const std::byte> data);
  void Flush();
  // `kept` says of each sector that was written since the last flush whether it survives.
  void LosePower(const std::function<bool()>& kept);
  // As a memory file of `size` bytes, and back, where it has changed.
  [[nodiscard]] int ToFile(uint64_t size) const;
  void TakeChangesFrom(int file, uint64_t size);

 private:
  struct Change {
    uint64_t offset = 0;
    std::vector<std::byte> data;
  };

  SparseBytes current_;
  SparseBytes durable_;
  std::vector<Change> changes_;  // since the last flush
};

// A disk on a DiskImage, which outlives it. Requests complete in the call, or when they are told
// to.
class VolatileDisk final : public BlockBackend {
 public:
  enum class Completion { kInline, kLater };

  VolatileDisk(DiskImage& image, uint64_t capacity, BlockAccess access, Completion completion)
      : image_(image), capacity_(capacity), access_(access), completion_(completion) {}

  [[nodiscard]] uint64_t capacity() const override { return capacity_; }
  [[nodiscard]] BlockAccess access() const override { return access_; }
  [[nodiscard]] uint32_t discard_granularity() const override { return discard_granularity_; }
  [[nodiscard]] uint32_t physical_block_size() const override { return 4096; }
  void Submit(BlockRequest& request, BlockCompletion& completion) override;
  void Commit() override {}
  void Drain() override;
  void Close() override { closed_ = true; }

  [[nodiscard]] size_t waiting() const { return waiting_.size(); }
  // Completes one of those that wait, and tells that the batch is over.
  void Complete(size_t index);
  // Some of those that wait are done, as `done` says of each; none is completed any more.
  void Abandon(const std::function<bool()>& done);
  // From the `after`th request on, those to come fail with EIO, until StopFailing().
  void FailAfter(size_t after) { requests_until_failure_ = after; }
  void StopFailing() { requests_until_failure_ = kNever; }
  void SetDiscardGranularity(uint32_t bytes) { discard_granularity_ = bytes; }
  // Bytes that discards were asked to give back, and how many these were.
  [[nodiscard]] uint64_t discarded() const { return discarded_; }
  [[nodiscard]] unsigned discards() const { return discards_; }
  [[nodiscard]] unsigned flushes() const { return flushes_; }
  [[nodiscard]] unsigned reads() const { return reads_; }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  struct Waiting {
    BlockRequest* request = nullptr;
    BlockCompletion* completion = nullptr;
  };
  static constexpr size_t kNever = ~size_t{0};

  void Perform(const Waiting& waiting);
  [[nodiscard]] int Do(const BlockRequest& request);

  DiskImage& image_;
  const uint64_t capacity_;
  const BlockAccess access_;
  const Completion completion_;
  uint32_t discard_granularity_ = 4096;
  std::deque<Waiting> waiting_;
  size_t requests_until_failure_ = kNever;
  uint64_t discarded_ = 0;
  unsigned discards_ = 0;
  unsigned flushes_ = 0;
  unsigned reads_ = 0;
  bool closed_ = false;
};

}  // namespace mayfly::virtio
