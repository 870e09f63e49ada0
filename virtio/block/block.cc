#include "virtio/block/block.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checked.h"
#include "base/status.h"
#include "virtio/block/block_failure.h"

namespace mayfly::virtio {
namespace {

std::array<std::byte, kBlockIdSize> MakeId(std::string_view serial) {
  std::array<std::byte, kBlockIdSize> id{};
  std::ranges::copy(std::as_bytes(std::span(serial.substr(0, kBlockIdSize))), id.begin());
  return id;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Block>> Block::Create(std::unique_ptr<BlockBackend> backend,
                                                     const Options& options, EventLoop& io) {
  if (options.queues == 0 || options.queues > kMaxQueues) {
    return absl::InvalidArgumentError(
        absl::StrCat("a disk cannot have ", options.queues, " queues: give it 1 to ", kMaxQueues));
  }
  auto block = std::make_unique<Block>(Passkey(), std::move(backend), options);
  Block* const raw = block.get();
  MAYFLY_ASSIGN_OR_RETURN(block->gate_,
                          RateGate::Create(options.limits, io, [raw] { raw->ServeHeld(); }));
  return block;
}

Block::Block(Passkey, std::unique_ptr<BlockBackend> backend, const Options& options)
    : backend_(std::move(backend)),
      id_(MakeId(options.serial)),
      queue_sizes_(options.queues, kQueueSize),
      config_(*backend_, options.queues, kQueueSize) {}

uint64_t Block::features() const {
  uint64_t features = kBlockFeatureSegMax | kBlockFeatureBlockSize | kBlockFeatureFlush |
                      kBlockFeatureTopology | kBlockFeatureConfigWriteback;
  if (queue_sizes_.size() > 1) features |= kBlockFeatureMultiQueue;
  if (backend_->access() == BlockAccess::kReadOnly) {
    features |= kBlockFeatureReadOnly;
  } else if (backend_->discard_granularity() != 0) {
    features |= kBlockFeatureDiscard | kBlockFeatureWriteZeroes;
  }
  return features;
}

void Block::Activate(uint64_t features, std::span<Queue> queues, DeviceHost& host) {
  queues_ = queues;
  host_ = &host;
  features_ = features;
  failed_ = false;
  failure_reported_ = false;
  // 5.2.5.2: a driver that sets the mode, and cannot flush, begins without a cache.
  if ((features & kBlockFeatureFlush) == 0) config_.SetWriteback(false);
}

void Block::OnKick(uint16_t queue) {
  if (Holds(queue)) return;
  Queue& ring = queues_[queue];
  // A driver can keep us busy for ever, in one batch or in many: what is over the budget comes
  // after the other devices of the thread had their turn.
  Turn turn;
  do {
    ring.DisableNotifications();
    const Batch batch = ServeBatch(queue, turn);
    backend_->Commit();
    PublishAll();
    if (batch == Batch::kFull) full_ = true;
    ServeFull();  // perhaps the backend is done with it already, also with what filled it before
    if (batch != Batch::kServed) return;
    if (turn.over()) {
      host_->KickAgain(queue);
      return;
    }
  } while (!ring.EnableNotifications());
}

bool Block::Holds(uint16_t queue) const {
  return std::ranges::any_of(held_, [&](const Pending* held) { return held->queue == queue; });
}

Block::Batch Block::ServeBatch(uint16_t queue, Turn& turn) {
  while (!turn.over()) {
    if (in_flight_bytes_ >= kMaxInFlightBytes) return Batch::kFull;
    Pending* const pending = TakeNext(queue);
    if (pending == nullptr) return failed_ ? Batch::kBroken : Batch::kServed;
    const Batch batch = Start(*pending);
    if (batch != Batch::kServed) return batch;
    turn.Take(pending->cost());
  }
  return Batch::kServed;
}

void Block::ServeFull() {
  if (failed_ || in_flight_bytes_ >= kMaxInFlightBytes || !std::exchange(full_, false)) return;
  if (!held_.empty()) gate_->Yield();
  for (size_t queue = 0; queue < queues_.size(); ++queue) {
    host_->KickAgain(static_cast<uint16_t>(queue));
  }
}

Block::Pending* Block::TakeNext(uint16_t queue) {
  Pending& pending = TakePending();
  pending.queue = queue;
  const absl::StatusOr<bool> popped = queues_[queue].Pop(pending.chain());
  if (popped.ok() && *popped && pending.TakeFraming()) return &pending;
  Release(pending);
  if (!popped.ok()) {
    Fail(absl::StrCat("queue ", queue, ": ", popped.status().message()));
  } else if (*popped) {
    Fail(absl::StrCat("a request in queue ", queue, " has no room for header and status"));
  }
  return nullptr;
}

BlockJob::Terms Block::Terms() const {
  // What the driver may rely on (5.2.6.2): where it can neither flush nor set the mode, and where
  // it has set the mode to writethrough, a write is stable when it is done.
  const bool cached = (features_ & kBlockFeatureConfigWriteback) != 0
                          ? config_.writeback()
                          : (features_ & kBlockFeatureFlush) != 0;
  return {.features = features_,
          .capacity = backend_->capacity(),
          .access = backend_->access(),
          .durability = cached ? BlockDurability::kCached : BlockDurability::kStable};
}

Block::Batch Block::Start(Pending& pending) {
  if (pending.type() == BlockRequestType::kGetId) {
    const size_t written = pending.PutId(id_);
    Finish(pending, BlockStatus::kOk, written);
    return Batch::kServed;
  }
  const BlockStatus status = pending.Plan(Terms());
  if (status != BlockStatus::kOk || pending.parts().empty()) {
    Finish(pending, status, 0);
    return Batch::kServed;
  }
  if (!held_.empty() || !gate_->Admit(pending.moved_bytes())) {
    ++counters_.throttled;
    held_.push_back(&pending);
    return Batch::kHeld;
  }
  Perform(pending);
  return Batch::kServed;
}

void Block::Perform(Pending& pending) {
  // Complete, the last part ends `pending`, perhaps before Submit() returns.
  const std::span<BlockJob::Part> parts = pending.parts();
  in_flight_bytes_ += pending.cost();
  for (BlockJob::Part& part : parts) backend_->Submit(part, *this);
}

void Block::PerformHeld(Pending& pending) {
  const bool fits = std::ranges::all_of(pending.parts(), [this](const BlockRequest& part) {
    return RangeWithin(part.offset, part.length, backend_->capacity());
  });
  if (fits) {
    Perform(pending);
  } else {
    Finish(pending, BlockStatus::kIoError, 0);
  }
}

void Block::ServeHeld() {
  if (failed_) return;
  for (size_t turns = held_.size(); turns != 0; --turns) {
    if (in_flight_bytes_ >= kMaxInFlightBytes) {
      full_ = true;
      return;
    }
    Pending& pending = *held_.front();
    if (!gate_->Admit(pending.moved_bytes())) return;
    held_.pop_front();
    const uint16_t queue = pending.queue;
    PerformHeld(pending);
    OnKick(queue);  // commits and publishes; may hold the next one
    if (failed_) return;
  }
  if (!held_.empty()) gate_->Yield();
}

void Block::OnCompleted(BlockRequest& request, int error) {
  auto& pending = static_cast<Pending&>(*static_cast<BlockJob::Part&>(request).job);
  if (error != 0) ReportFailure(request, error);
  if (!pending.FinishPart(error)) return;
  in_flight_bytes_ -= pending.cost();
  if (pending.error() != 0) {
    Finish(pending, BlockStatus::kIoError, 0);
  } else {
    Finish(pending, BlockStatus::kOk,
           pending.type() == BlockRequestType::kIn ? pending.moved_bytes() : 0);
  }
}

void Block::OnBatchCompleted() {
  PublishAll();
  ServeFull();
}

// `written`: bytes of the room for data, from its begin, that were written.
void Block::Finish(Pending& pending, BlockStatus status, uint64_t written) {
  Count(pending, status);
  queues_[pending.queue].Push(pending.chain().head, pending.Answer(status, written));
  Release(pending);
}

void Block::Count(const Pending& pending, BlockStatus status) {
  if (status == BlockStatus::kIoError) ++counters_.errors;
  const uint64_t bytes = status == BlockStatus::kOk ? pending.moved_bytes() : 0;
  switch (pending.type()) {
    case BlockRequestType::kIn:
      ++counters_.reads;
      counters_.read_bytes += bytes;
      break;
    case BlockRequestType::kOut:
      ++counters_.writes;
      counters_.written_bytes += bytes;
      break;
    case BlockRequestType::kFlush:
      ++counters_.flushes;
      break;
    case BlockRequestType::kDiscard:
      ++counters_.discards;
      break;
    case BlockRequestType::kWriteZeroes:
      ++counters_.write_zeroes;
      break;
    case BlockRequestType::kGetId:
      break;
  }
}

void Block::PublishAll() {
  bool wanted = false;
  for (Queue& queue : queues_) wanted |= queue.Publish();
  if (wanted) host_->InterruptForQueue();
}

void Block::Fail(std::string what) {
  failed_ = true;
  gate_->Forget();
  host_->Fail(std::move(what));
}

// The first only: a full disk fails every write, and a log line for each would be the next problem.
void Block::ReportFailure(const BlockRequest& request, int error) {
  if (std::exchange(failure_reported_, true)) return;
  host_->Report(error == ENOSPC ? DeviceEvent::kNoRoom : DeviceEvent::kTrouble,
                DescribeFailure(request, error));
}

Block::Pending& Block::TakePending() {
  if (idle_.empty()) return pendings_.emplace_back();
  Pending& pending = *idle_.back();
  idle_.pop_back();
  return pending;
}

absl::StatusOr<uint64_t> Block::RefreshCapacity() {
  MAYFLY_ASSIGN_OR_RETURN(const uint64_t capacity, backend_->RefreshCapacity());
  if (config_.SetCapacity(capacity) && host_ != nullptr) host_->ConfigChanged();
  return capacity;
}

void Block::Settle() {
  backend_->Drain();
  OnBatchCompleted();
}

void Block::Reset() {
  gate_->Forget();
  for (Pending* const held : std::exchange(held_, {})) Release(*held);
  backend_->Drain();
  full_ = false;
  queues_ = {};
  host_ = nullptr;
  config_.SetWriteback(true);
}

void Block::Shutdown() { backend_->Close(); }

}  // namespace mayfly::virtio
