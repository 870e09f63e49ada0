#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "virtio/block/block_backend.h"
#include "virtio/block/block_config_space.h"
#include "virtio/block/block_counters.h"
#include "virtio/block/block_job.h"
#include "virtio/core/device.h"
#include "virtio/protocol/block_protocol.h"
#include "virtio/rate/rate_gate.h"
#include "virtio/rate/rate_limiter.h"

namespace mayfly::virtio {

// virtio-blk (virtio 1.2, 5.2): a disk over a BlockBackend. Threading: as Device; what comes in
// addition is for the io thread.
//
// Requests are answered in the order in which the backend completes them. What the driver asks for
// and cannot have (a sector beyond the end, a write to a read-only disk) is an I/O error in the
// request's status; only a request without room for a header or a status fails the device.
//
// A request that a rate limit refuses waits, and what is behind it in its queue stays in the ring;
// queues that wait take turns.
class Block final : public Device, private BlockCompletion {
  class Passkey {
    friend class Block;
    Passkey() = default;
  };

 public:
  // Entries of a queue: requests of one descriptor each (indirect) that can be in flight.
  static constexpr uint16_t kQueueSize = 256;
  static constexpr uint16_t kMaxQueues = 64;
  // What a queue's requests may cost (BlockJob::cost()) before others of the io thread have their
  // turn: some milliseconds of copying.
  static constexpr uint64_t kTurnBytes = uint64_t{16} << 20;
  // What a backend is given at a time, but for one request more, which costs no more than this: a
  // reset waits for all of it.
  static constexpr uint64_t kMaxInFlightBytes = BlockJob::kMaxTransferBytes;

  struct Options {
    std::string serial;   // what GET_ID returns, cut to kBlockIdSize bytes
    uint16_t queues = 1;  // one for each vCPU lets none wait for another
    RateLimits limits = {};
  };

  // `io` outlives the device. Errors: InvalidArgument for no queue or more than kMaxQueues; those
  // of timerfd_create(2).
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Block>> Create(
      std::unique_ptr<BlockBackend> backend, const Options& options, EventLoop& io);
  Block(Passkey, std::unique_ptr<BlockBackend> backend, const Options& options);

  [[nodiscard]] DeviceType type() const override { return DeviceType::kBlock; }
  [[nodiscard]] uint64_t features() const override;
  [[nodiscard]] std::span<const uint16_t> queue_max_sizes() const override { return queue_sizes_; }
  void ReadConfig(uint64_t offset, std::span<std::byte> out) override { config_.Read(offset, out); }
  void WriteConfig(uint64_t offset, std::span<const std::byte> data) override {
    config_.Write(offset, data);
  }
  void Activate(uint64_t features, std::span<Queue> queues, DeviceHost& host) override;
  void OnKick(uint16_t queue) override;
  void Settle() override;
  void Reset() override;
  void Shutdown() override;

  // New limits from now on.
  void UpdateLimits(const RateLimits& limits) { gate_->Update(limits); }
  // Looks at the size of the storage again and tells the driver where it has changed. Returns it,
  // in bytes. Errors: those of BlockBackend::RefreshCapacity().
  [[nodiscard]] absl::StatusOr<uint64_t> RefreshCapacity();
  [[nodiscard]] uint64_t capacity() const { return backend_->capacity(); }  // bytes
  [[nodiscard]] const BlockCounters& counters() const { return counters_; }

 private:
  struct Pending final : BlockJob {
    uint16_t queue = 0;
  };
  enum class Batch { kServed, kHeld, kFull, kBroken };
  // What is left of a queue's turn.
  struct Turn {
    uint16_t requests = kQueueSize;
    uint64_t bytes = kTurnBytes;

    [[nodiscard]] bool over() const { return requests == 0 || bytes == 0; }
    void Take(uint64_t cost) {
      --requests;
      bytes -= cost < bytes ? cost : bytes;
    }
  };

  [[nodiscard]] bool Holds(uint16_t queue) const;
  // Begins what the driver has available, as long as `turn` lasts. kHeld: a rate limit is in the
  // way. kFull: the backend has enough to do. kBroken: the device has failed.
  [[nodiscard]] Batch ServeBatch(uint16_t queue, Turn& turn);
  // Takes the next request of the queue; nullptr where there is none, or it is not to be
  // understood, which fails the device.
  [[nodiscard]] Pending* TakeNext(uint16_t queue);
  // Answers the request in `pending`, or begins it, or holds it.
  [[nodiscard]] Batch Start(Pending& pending);
  [[nodiscard]] BlockJob::Terms Terms() const;
  void Perform(Pending& pending);
  // What was planned may have been for a larger disk than there is by now.
  void PerformHeld(Pending& pending);
  void Finish(Pending& pending, BlockStatus status, uint64_t written);
  void Count(const Pending& pending, BlockStatus status);
  void PublishAll();
  void ServeHeld();
  // Where the backend was full: has the queues looked at again once it is not.
  void ServeFull();
  void Fail(std::string what);
  void ReportFailure(const BlockRequest& request, int error);

  [[nodiscard]] Pending& TakePending();
  void Release(Pending& pending) { idle_.push_back(&pending); }

  void OnCompleted(BlockRequest& request, int error) override;
  void OnBatchCompleted() override;

  const std::unique_ptr<BlockBackend> backend_;
  const std::array<std::byte, kBlockIdSize> id_;
  const std::vector<uint16_t> queue_sizes_;
  BlockConfigSpace config_;
  std::unique_ptr<RateGate> gate_;  // set by Create()
  BlockCounters counters_;

  // From Activate() to Reset().
  std::span<Queue> queues_;
  DeviceHost* host_ = nullptr;
  uint64_t features_ = 0;
  bool failed_ = false;
  bool failure_reported_ = false;
  // Those that a limit refused, at most one of a queue, in the order in which they go on.
  std::deque<Pending*> held_;
  uint64_t in_flight_bytes_ = 0;  // the cost of what the backend has
  bool full_ = false;             // a queue, or who was held, was left because of it

  // Grows to the most requests that were ever in flight at once, which the queues bound; addresses
  // stay.
  std::deque<Pending> pendings_;
  // Those of pendings_ that wait for work; the one used last is the warmest.
  std::vector<Pending*> idle_;
};

}  // namespace mayfly::virtio
