#include "virtio/block/block_job.h"

#include "base/checked.h"
#include "virtio/block/block_config_space.h"

namespace mayfly::virtio {

static_assert(BlockConfigSpace::kMaxDiscardSegments * BlockJob::kDiscardCost <=
              BlockJob::kMaxTransferBytes);
static_assert(uint64_t{BlockConfigSpace::kMaxZeroSegments} * BlockConfigSpace::kMaxZeroSectors *
                  kSectorSize <=
              BlockJob::kMaxTransferBytes);

bool BlockJob::TakeFraming() {
  parts_.clear();
  unfinished_ = 0;
  moved_bytes_ = 0;
  cost_ = 0;
  error_ = 0;
  BlockRequestHeader header;
  status_ = chain_.writable.TakeLastByte();
  if (status_ == nullptr ||
      !chain_.readable.TakeFront(std::as_writable_bytes(std::span(&header, 1)))) {
    return false;
  }
  room_ = chain_.writable.size();
  type_ = static_cast<BlockRequestType>(header.type);
  sector_ = header.sector;
  return true;
}

BlockStatus BlockJob::Plan(const Terms& terms) {
  BlockStatus status = BlockStatus::kUnsupported;
  switch (type_) {
    case BlockRequestType::kIn:
      status = PlanTransfer(BlockOperation::kRead, terms);
      break;
    case BlockRequestType::kOut:
      status = PlanTransfer(BlockOperation::kWrite, terms);
      break;
    case BlockRequestType::kFlush:
      status = PlanFlush();
      break;
    case BlockRequestType::kDiscard:
      if ((terms.features & kBlockFeatureDiscard) == 0) break;
      status = PlanSegments(BlockOperation::kDiscard, terms);
      break;
    case BlockRequestType::kWriteZeroes:
      if ((terms.features & kBlockFeatureWriteZeroes) == 0) break;
      status = PlanSegments(BlockOperation::kWriteZeroes, terms);
      break;
    case BlockRequestType::kGetId:
      break;  // has no parts: PutId()
  }
  unfinished_ = parts_.size();
  return status;
}

BlockStatus BlockJob::PlanTransfer(BlockOperation operation, const Terms& terms) {
  const bool read = operation == BlockOperation::kRead;
  Buffers& data = read ? chain_.writable : chain_.readable;
  const auto offset = CheckedMul(sector_, kSectorSize);
  if ((!read && terms.access == BlockAccess::kReadOnly) || data.size() % kSectorSize != 0 ||
      data.size() > kMaxTransferBytes || !offset ||
      !RangeWithin(*offset, data.size(), terms.capacity)) {
    return BlockStatus::kIoError;
  }
  if (data.size() == 0) return BlockStatus::kOk;
  AddPart(operation, *offset, data.size());
  parts_.back().durability = terms.durability;
  parts_.back().buffers = data.pieces();
  moved_bytes_ = data.size();
  cost_ = moved_bytes_;
  return BlockStatus::kOk;
}

BlockStatus BlockJob::PlanFlush() {
  AddPart(BlockOperation::kFlush, 0, 0);
  return BlockStatus::kOk;
}

BlockStatus BlockJob::PlanSegments(BlockOperation operation, const Terms& terms) {
  const uint64_t bytes = chain_.readable.size();
  const uint32_t max_segments = operation == BlockOperation::kDiscard
                                    ? BlockConfigSpace::kMaxDiscardSegments
                                    : BlockConfigSpace::kMaxZeroSegments;
  if (terms.access == BlockAccess::kReadOnly || bytes == 0 || bytes % sizeof(BlockSegment) != 0 ||
      bytes / sizeof(BlockSegment) > max_segments) {
    return BlockStatus::kIoError;
  }
  BlockStatus status = BlockStatus::kOk;
  BlockSegment segment;
  while (status == BlockStatus::kOk &&
         chain_.readable.TakeFront(std::as_writable_bytes(std::span(&segment, 1)))) {
    status = AddSegment(operation, segment, terms);
  }
  // All or nothing: what is wrong in one segment leaves the others alone.
  if (status != BlockStatus::kOk) {
    parts_.clear();
    moved_bytes_ = 0;
    cost_ = 0;
  }
  return status;
}

BlockStatus BlockJob::AddSegment(BlockOperation operation, const BlockSegment& segment,
                                 const Terms& terms) {
  const bool discard = operation == BlockOperation::kDiscard;
  // A discard has no flags, not even this one (5.2.6.2).
  if ((segment.flags & ~(discard ? 0 : kBlockSegmentUnmap)) != 0) return BlockStatus::kUnsupported;
  const uint32_t limit =
      discard ? BlockConfigSpace::kMaxDiscardSectors : BlockConfigSpace::kMaxZeroSectors;
  const auto offset = CheckedMul(segment.sector, kSectorSize);
  const uint64_t length = segment.sectors * kSectorSize;
  if (segment.sectors > limit || !offset || !RangeWithin(*offset, length, terms.capacity)) {
    return BlockStatus::kIoError;
  }
  if (length == 0) return BlockStatus::kOk;
  AddPart(operation, *offset, length);
  parts_.back().durability = terms.durability;
  parts_.back().zeroing = (segment.flags & kBlockSegmentUnmap) != 0 ? BlockZeroing::kMayUnmap
                                                                    : BlockZeroing::kKeepAllocated;
  if (!discard) moved_bytes_ += length;
  cost_ += discard ? kDiscardCost : length;
  return BlockStatus::kOk;
}

void BlockJob::AddPart(BlockOperation operation, uint64_t offset, uint64_t length) {
  Part& part = parts_.emplace_back();
  part.job = this;
  part.operation = operation;
  part.offset = offset;
  part.length = length;
}

bool BlockJob::FinishPart(int error) {
  if (error_ == 0) error_ = error;
  return --unfinished_ == 0;
}

uint32_t BlockJob::Answer(BlockStatus status, uint64_t written) const {
  *status_ = static_cast<std::byte>(status);
  // The status byte behind the room counts only where no unwritten byte lies between: the used
  // length is never more than what was written in one go (2.7.8.2).
  const uint64_t reached = written == room_ ? written + 1 : written;
  // A chain's bytes fit 32 bits: Queue sees to it.
  return static_cast<uint32_t>(reached);
}

}  // namespace mayfly::virtio
