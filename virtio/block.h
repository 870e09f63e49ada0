#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "virtio/block_backend.h"
#include "virtio/block_protocol.h"
#include "virtio/buffers.h"
#include "virtio/device.h"

namespace mayfly::virtio {

// virtio-blk (virtio 1.2, 5.2): a disk over a BlockBackend. Threading: as Device.
//
// Requests are answered in the order in which the backend completes them. What the driver asks for
// and cannot have (a sector beyond the end, a write to a read-only disk) is an I/O error in the
// request's status; only a request without room for a header or a status fails the device.
class Block final : public Device, private BlockCompletion {
 public:
  // Entries of a queue: requests of one descriptor each (indirect) that can be in flight.
  static constexpr uint16_t kQueueSize = 256;

  // `serial`: what GET_ID returns, cut to kBlockIdSize bytes.
  Block(std::unique_ptr<BlockBackend> backend, std::string_view serial);

  [[nodiscard]] DeviceType type() const override { return DeviceType::kBlock; }
  [[nodiscard]] uint64_t features() const override;
  [[nodiscard]] std::span<const uint16_t> queue_max_sizes() const override;
  void ReadConfig(uint64_t offset, std::span<std::byte> out) override;
  void WriteConfig(uint64_t offset, std::span<const std::byte> data) override;
  void Activate(uint64_t features, std::span<Queue> queues, DeviceHost& host) override;
  void OnKick(uint16_t queue) override;
  void Reset() override;
  void Shutdown() override;

 private:
  // A driver's request from Pop() to Push().
  struct Pending final : BlockRequest {
    Chain chain;
    uint16_t queue = 0;
    std::byte* status = nullptr;  // in guest memory
    uint64_t room = 0;            // bytes of the writable part before it
  };
  enum class Batch { kServed, kBroken };

  // Begins what the driver has available, as long as `budget` lasts, from which each request takes
  // one. kBroken: the device has failed.
  [[nodiscard]] Batch ServeBatch(uint16_t queue, uint16_t& budget);
  // Begins the request in `pending.chain`, or answers it at once. False where it has no room for
  // header or status.
  [[nodiscard]] bool Start(Pending& pending);
  void StartTransfer(Pending& pending, BlockOperation operation, uint64_t sector);
  void AnswerId(Pending& pending);
  void Finish(Pending& pending, BlockStatus status, uint64_t written);
  void PublishAll();
  void ReportFailure(const BlockRequest& request, int error);

  [[nodiscard]] Pending& TakePending();
  void Release(Pending& pending) { idle_.push_back(&pending); }

  void OnCompleted(BlockRequest& request, int error) override;
  void OnBatchCompleted() override;

  const std::unique_ptr<BlockBackend> backend_;
  const std::array<std::byte, kBlockIdSize> id_;
  const BlockConfig config_;

  // From Activate() to Reset().
  std::span<Queue> queues_;
  DeviceHost* host_ = nullptr;
  BlockDurability durability_ = BlockDurability::kCached;
  bool failure_reported_ = false;
  // Grows to the most requests that were ever in flight at once, which the queues bound; addresses
  // stay.
  std::deque<Pending> pendings_;
  std::vector<Pending*>
      idle_;  // those of pendings_ that wait for work; the one used last is the warmest
};

}  // namespace mayfly::virtio
