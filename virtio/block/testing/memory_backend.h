#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "virtio/block/block_backend.h"

namespace mayfly::virtio {

// A disk in a vector, which completes in the call or, like an asynchronous engine, when it is told
// to.
class MemoryBackend final : public BlockBackend {
 public:
  enum class Completion {
    kInline,
    kLater,
    // A flush waits for all that is on its way and is done in the call, as that of a disk in
    // layers.
    kLaterButFlushes,
  };
  static constexpr uint32_t kDiscardGranularity = 4096;
  // What a discard leaves behind: it promises nothing.
  static constexpr std::byte kDiscarded{0xdd};

  // `capacity`: bytes.
  MemoryBackend(uint64_t capacity, BlockAccess access, Completion completion)
      : bytes_(capacity), access_(access), completion_(completion) {}

  [[nodiscard]] uint64_t capacity() const override { return bytes_.size(); }
  [[nodiscard]] BlockAccess access() const override { return access_; }
  [[nodiscard]] uint32_t discard_granularity() const override {
    return access_ == BlockAccess::kReadWrite ? kDiscardGranularity : 0;
  }
  [[nodiscard]] uint32_t physical_block_size() const override { return 4096; }
  [[nodiscard]] absl::StatusOr<uint64_t> RefreshCapacity() override;
  void Submit(BlockRequest& request, BlockCompletion& completion) override;
  void Commit() override { ++commits_; }
  void Drain() override;
  void Close() override { closed_ = true; }

  // Completes the request that was submitted last of those that wait, and tells that the batch is
  // over.
  void CompleteNewest();
  // What RefreshCapacity() finds, in bytes.
  void ResizeTo(uint64_t capacity) { next_capacity_ = capacity; }
  // What the next requests come to: 0 or an errno value.
  void FailWith(int error) { error_ = error; }

  [[nodiscard]] std::vector<std::byte>& bytes() { return bytes_; }
  [[nodiscard]] size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] unsigned commits() const { return commits_; }
  [[nodiscard]] unsigned flushes() const { return flushes_; }
  [[nodiscard]] unsigned stable_writes() const { return stable_writes_; }
  [[nodiscard]] unsigned unmapping_zeroes() const { return unmapping_zeroes_; }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  struct Waiting {
    BlockRequest* request = nullptr;
    BlockCompletion* completion = nullptr;
  };

  void Perform(const Waiting& waiting);
  void Count(const BlockRequest& request);

  std::vector<std::byte> bytes_;
  std::optional<uint64_t> next_capacity_;
  const BlockAccess access_;
  const Completion completion_;
  std::deque<Waiting> waiting_;
  int error_ = 0;
  unsigned commits_ = 0;
  unsigned flushes_ = 0;
  unsigned stable_writes_ = 0;     // zeroes and discards, too
  unsigned unmapping_zeroes_ = 0;  // that may give the storage back
  bool closed_ = false;
};

}  // namespace mayfly::virtio
