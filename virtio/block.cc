#include "virtio/block.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checked.h"
#include "base/status.h"

namespace mayfly::virtio {
namespace {

constexpr std::array kQueueSizes = {Block::kQueueSize};
// Header and status of a request take a descriptor each.
constexpr uint16_t kFramingDescriptors = 2;

std::array<std::byte, kBlockIdSize> MakeId(std::string_view serial) {
  std::array<std::byte, kBlockIdSize> id{};
  std::ranges::copy(std::as_bytes(std::span(serial.substr(0, kBlockIdSize))), id.begin());
  return id;
}

BlockConfig MakeConfig(const BlockBackend& backend) {
  const auto logical_per_physical = static_cast<uint16_t>(std::min<uint64_t>(
      backend.physical_block_size() / kSectorSize, std::numeric_limits<uint16_t>::max()));
  BlockConfig config;
  config.capacity = backend.capacity() / kSectorSize;
  config.seg_max = Block::kQueueSize - kFramingDescriptors;
  config.block_size = kSectorSize;
  config.topology.physical_block_exponent =
      static_cast<uint8_t>(std::countr_zero(backend.physical_block_size() / kSectorSize));
  config.topology.min_io_size = logical_per_physical;
  config.queues = kQueueSizes.size();
  return config;
}

std::string_view OperationName(BlockOperation operation) {
  switch (operation) {
    case BlockOperation::kRead:
      return "reading";
    case BlockOperation::kWrite:
      return "writing";
    case BlockOperation::kFlush:
      return "flushing";
  }
  return "using";
}

std::string_view Remedy(int error) {
  switch (error) {
    case ENOSPC:
      return "make room on the host's file system";
    case EDQUOT:
      return "raise the quota on the host's file system";
    case EFBIG:
      return "raise the file size limit of the process";
    default:
      return "check the host's storage";
  }
}

}  // namespace

Block::Block(std::unique_ptr<BlockBackend> backend, std::string_view serial)
    : backend_(std::move(backend)), id_(MakeId(serial)), config_(MakeConfig(*backend_)) {}

uint64_t Block::features() const {
  uint64_t features =
      kBlockFeatureSegMax | kBlockFeatureBlockSize | kBlockFeatureFlush | kBlockFeatureTopology;
  if (backend_->access() == BlockAccess::kReadOnly) features |= kBlockFeatureReadOnly;
  return features;
}

std::span<const uint16_t> Block::queue_max_sizes() const { return kQueueSizes; }

void Block::ReadConfig(uint64_t offset, std::span<std::byte> out) {
  const auto space = std::as_bytes(std::span(&config_, 1)).first(kBlockConfigSize);
  if (offset >= space.size()) return;
  const auto rest = space.subspan(offset);
  std::ranges::copy(rest.first(std::min(rest.size(), out.size())), out.begin());
}

void Block::WriteConfig(uint64_t /*offset*/, std::span<const std::byte> /*data*/) {
  // Nothing in it is for the driver to write: `writeback` needs VIRTIO_BLK_F_CONFIG_WCE, which is
  // not offered.
}

void Block::Activate(uint64_t features, std::span<Queue> queues, DeviceHost& host) {
  queues_ = queues;
  host_ = &host;
  failure_reported_ = false;
  // A driver that cannot flush relies on writes being stable when they are done (5.2.6.2).
  durability_ =
      (features & kBlockFeatureFlush) != 0 ? BlockDurability::kCached : BlockDurability::kStable;
}

void Block::OnKick(uint16_t queue) {
  Queue& ring = queues_[queue];
  // A driver can keep us busy for ever, in one batch or in many: what is over the budget comes
  // after the other devices of the thread had their turn.
  uint16_t budget = kQueueSize;
  do {
    ring.DisableNotifications();
    const Batch batch = ServeBatch(queue, budget);
    backend_->Commit();
    PublishAll();
    if (batch == Batch::kBroken) return;
    if (budget == 0) {
      host_->KickAgain(queue);
      return;
    }
  } while (!ring.EnableNotifications());
}

Block::Batch Block::ServeBatch(uint16_t queue, uint16_t& budget) {
  for (; budget != 0; --budget) {
    Pending& pending = TakePending();
    pending.queue = queue;
    const absl::StatusOr<bool> popped = queues_[queue].Pop(pending.chain);
    if (popped.ok() && *popped) {
      if (Start(pending)) continue;
      Release(pending);
      host_->Fail(absl::StrCat("a request in queue ", queue, " has no room for header and status"));
      return Batch::kBroken;
    }
    Release(pending);
    if (popped.ok()) return Batch::kServed;
    host_->Fail(absl::StrCat("queue ", queue, ": ", popped.status().message()));
    return Batch::kBroken;
  }
  return Batch::kServed;
}

bool Block::Start(Pending& pending) {
  BlockRequestHeader header;
  pending.status = pending.chain.writable.TakeLastByte();
  if (pending.status == nullptr ||
      !pending.chain.readable.TakeFront(std::as_writable_bytes(std::span(&header, 1)))) {
    return false;
  }
  pending.room = pending.chain.writable.size();
  switch (static_cast<BlockRequestType>(header.type)) {
    case BlockRequestType::kIn:
      StartTransfer(pending, BlockOperation::kRead, header.sector);
      return true;
    case BlockRequestType::kOut:
      StartTransfer(pending, BlockOperation::kWrite, header.sector);
      return true;
    case BlockRequestType::kFlush:
      pending.operation = BlockOperation::kFlush;
      pending.length = 0;
      pending.buffers = {};
      backend_->Submit(pending, *this);
      return true;
    case BlockRequestType::kGetId:
      AnswerId(pending);
      return true;
  }
  Finish(pending, BlockStatus::kUnsupported, 0);
  return true;
}

void Block::StartTransfer(Pending& pending, BlockOperation operation, uint64_t sector) {
  const bool read = operation == BlockOperation::kRead;
  Buffers& data = read ? pending.chain.writable : pending.chain.readable;
  const auto offset = CheckedMul(sector, kSectorSize);
  if ((!read && backend_->access() == BlockAccess::kReadOnly) || data.size() % kSectorSize != 0 ||
      !offset || !RangeWithin(*offset, data.size(), backend_->capacity())) {
    Finish(pending, BlockStatus::kIoError, 0);
    return;
  }
  pending.operation = operation;
  pending.durability = durability_;
  pending.offset = *offset;
  pending.length = data.size();
  pending.buffers = data.pieces();
  backend_->Submit(pending, *this);
}

void Block::AnswerId(Pending& pending) {
  Finish(pending, BlockStatus::kOk, pending.chain.writable.PutFront(id_));
}

void Block::OnCompleted(BlockRequest& request, int error) {
  auto& pending = static_cast<Pending&>(request);
  if (error == 0) {
    Finish(pending, BlockStatus::kOk,
           request.operation == BlockOperation::kRead ? request.length : 0);
    return;
  }
  ReportFailure(request, error);
  Finish(pending, BlockStatus::kIoError, 0);
}

void Block::OnBatchCompleted() { PublishAll(); }

// `written`: bytes of the room for data, from its begin, that were written. The status byte after
// it counts only where no unwritten byte lies between: the used length is never more than what was
// written in one go (2.7.8.2).
void Block::Finish(Pending& pending, BlockStatus status, uint64_t written) {
  *pending.status = static_cast<std::byte>(status);
  const uint64_t reached = written == pending.room ? written + 1 : written;
  // A chain's bytes fit 32 bits: Queue sees to it.
  queues_[pending.queue].Push(pending.chain.head, static_cast<uint32_t>(reached));
  Release(pending);
}

void Block::PublishAll() {
  bool wanted = false;
  for (Queue& queue : queues_) wanted |= queue.Publish();
  if (wanted) host_->InterruptForQueue();
}

// The first only: a full disk fails every write, and a log line for each would be the next problem.
void Block::ReportFailure(const BlockRequest& request, int error) {
  if (std::exchange(failure_reported_, true)) return;
  const absl::Status status =
      ErrnoStatus(absl::StrCat(ToAbsl(OperationName(request.operation)), " ", request.length,
                               " bytes at offset ", request.offset),
                  error);
  host_->Report(
      absl::StrCat(status.message(), ": the guest got an I/O error; ", ToAbsl(Remedy(error))));
}

Block::Pending& Block::TakePending() {
  if (idle_.empty()) return pendings_.emplace_back();
  Pending& pending = *idle_.back();
  idle_.pop_back();
  return pending;
}

void Block::Reset() {
  backend_->Drain();
  queues_ = {};
  host_ = nullptr;
}

void Block::Shutdown() { backend_->Close(); }

}  // namespace mayfly::virtio
