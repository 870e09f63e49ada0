#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "images/unikernel/virtio_mmio.h"
#include "images/unikernel/virtqueue.h"

namespace mayfly::guest {

// The answer of the device (virtio 1.2, 5.2.6), and what it was before it came.
enum class BlockStatus : uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2, kPending = 0xff };

enum class BlockOperation : uint32_t {
  kRead = 0,
  kWrite = 1,
  kFlush = 4,
  kGetId = 8,
  kDiscard = 11,
  kWriteZeroes = 13,
};

// One request. Lives where it is, with its data, until `status` is no longer kPending.
struct BlockRequest {
  BlockOperation operation = BlockOperation::kRead;
  uint32_t reserved = 0;
  uint64_t sector = 0;
  // The device reads the three fields above and writes this one; it counts from when the device
  // returns the request.
  BlockStatus answer = BlockStatus::kPending;
  BlockStatus status = BlockStatus::kPending;
  std::span<std::byte> data;
};

// How to learn that a request is complete.
enum class BlockCompletion { kPolled, kInterrupt };

struct BlockOptions {
  // Without it, each write is durable when it is complete (5.2.5.2).
  static constexpr uint64_t kFlush = uint64_t{1} << 9;
  static constexpr uint64_t kDiscard = uint64_t{1} << 13;
  static constexpr uint64_t kWriteZeroes = uint64_t{1} << 14;

  BlockCompletion completion = BlockCompletion::kInterrupt;
  // Used where the device has them.
  uint64_t features = kFlush | Virtqueue::kFeatureIndirect | Virtqueue::kFeatureEventIndex;
};

// What becomes of the space of sectors that are made zeroes.
enum class BlockSpace : uint32_t { kKept = 0, kGivenBack = 1 };

// A virtio-blk disk. Boot CPU only.
class BlockDevice final {
 public:
  static constexpr size_t kSectorBytes = 512;
  static constexpr size_t kIdBytes = 20;

  // All disks, in the order of the command line; those that refuse to be driven are left out.
  [[nodiscard]] static std::vector<std::unique_ptr<BlockDevice>> FindAll(BlockOptions options = {});

  BlockDevice(const BlockDevice&) = delete;
  BlockDevice& operator=(const BlockDevice&) = delete;

  [[nodiscard]] uint64_t sectors() const { return sectors_; }
  [[nodiscard]] bool read_only() const { return read_only_; }
  // What was negotiated.
  [[nodiscard]] uint64_t features() const { return device_.features(); }

  // Each waits until the device has answered. The data are whole sectors, less than 4 GiB.
  [[nodiscard]] BlockStatus Read(uint64_t sector, std::span<std::byte> data);
  [[nodiscard]] BlockStatus Write(uint64_t sector, std::span<const std::byte> data);
  [[nodiscard]] BlockStatus Flush();
  // With the features of these names. What is discarded holds anything until it is written again.
  [[nodiscard]] BlockStatus Discard(uint64_t sector, uint32_t sectors);
  [[nodiscard]] BlockStatus WriteZeroes(uint64_t sector, uint32_t sectors, BlockSpace space);
  // The device's name, up to its first zero byte, in `id`.
  [[nodiscard]] BlockStatus GetId(std::array<char, kIdBytes>& id);

  // For several requests at a time: Submit() each, then Wait() for each, WaitForAny(), or Poll()
  // till none is pending. Submit() returns false while the queue is full.
  [[nodiscard]] bool Submit(BlockRequest& request);
  // Submit() in two steps, so that one kick does for several requests.
  [[nodiscard]] bool Enqueue(BlockRequest& request);
  void Kick();
  void Wait(const BlockRequest& request);
  // Returns once at least one more request is complete. Never where none is pending.
  void WaitForAny();
  // Updates what is complete, and returns how many requests that was.
  size_t Poll();

  // Since the begin: notifications of the device, interrupts from it.
  [[nodiscard]] uint64_t kicks() const { return kicks_; }
  [[nodiscard]] uint64_t interrupts() const { return interrupts_; }

 private:
  BlockDevice(const VirtioMmio& device, BlockCompletion completion);
  BlockStatus Run(BlockRequest request);
  BlockStatus RunOnSegment(BlockOperation operation, uint64_t sector, uint32_t sectors,
                           BlockSpace space);
  void OnInterrupt();
  // Until the device may have completed something.
  void Rest();

  VirtioMmio device_;
  BlockCompletion completion_;
  Virtqueue queue_;
  uint64_t sectors_;
  bool read_only_;
  std::array<BlockRequest*, Virtqueue::kMaxSize> pending_{};
  uint64_t kicks_ = 0;
  uint64_t interrupts_ = 0;
};

}  // namespace mayfly::guest
