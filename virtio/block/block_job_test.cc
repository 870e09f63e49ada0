#include "virtio/block/block_job.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/block_config_space.h"

namespace mayfly::virtio {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kDiskSectors = uint64_t{16} << 31;  // 16 TiB
constexpr uint64_t kMaxSector = std::numeric_limits<uint64_t>::max();
constexpr std::byte kUntouched{0xee};

class BlockJobTest : public ::testing::Test {
 protected:
  // Gives the job a chain of header, `readable` and `room` writable bytes before the status.
  [[nodiscard]] bool Begin(BlockRequestType type, uint64_t sector,
                           std::span<const std::byte> readable, size_t room) {
    header_ = {.type = static_cast<uint32_t>(type), .reserved = 0, .sector = sector};
    readable_.assign(readable.begin(), readable.end());
    writable_.assign(room + 1, kUntouched);
    Chain& chain = job_.chain();
    chain.readable.Clear();
    chain.writable.Clear();
    const auto header = std::as_writable_bytes(std::span(&header_, 1));
    chain.readable.Append(header.data(), header.size());
    chain.readable.Append(readable_.data(), readable_.size());
    chain.writable.Append(writable_.data(), writable_.size());
    return job_.TakeFraming();
  }
  BlockStatus PlanSegments(BlockRequestType type, std::span<const BlockSegment> segments) {
    EXPECT_TRUE(Begin(type, 0, std::as_bytes(segments), 0));
    return job_.Plan(terms_);
  }
  BlockStatus PlanSegment(BlockRequestType type, const BlockSegment& segment) {
    return PlanSegments(type, std::span(&segment, 1));
  }

  BlockJob::Terms terms_ = {.features = kBlockFeatureDiscard | kBlockFeatureWriteZeroes,
                            .capacity = kDiskSectors * kSectorSize};
  BlockJob job_;
  BlockRequestHeader header_;
  std::vector<std::byte> readable_;
  std::vector<std::byte> writable_;
};

TEST_F(BlockJobTest, PlansARead) {
  ASSERT_TRUE(Begin(BlockRequestType::kIn, kDiskSectors - 2, {}, 2 * kSectorSize));
  ASSERT_EQ(job_.Plan(terms_), BlockStatus::kOk);
  ASSERT_THAT(job_.parts(), SizeIs(1));
  const BlockRequest& part = job_.parts().front();
  EXPECT_EQ(part.operation, BlockOperation::kRead);
  EXPECT_EQ(part.offset, (kDiskSectors - 2) * kSectorSize);
  EXPECT_EQ(part.length, 2 * kSectorSize);
  EXPECT_THAT(part.buffers, SizeIs(1));
  EXPECT_EQ(job_.moved_bytes(), 2 * kSectorSize);
  EXPECT_TRUE(job_.FinishPart(0));
  EXPECT_EQ(job_.Answer(BlockStatus::kOk, 2 * kSectorSize), 2 * kSectorSize + 1);
  EXPECT_EQ(writable_.back(), std::byte{0});
}

TEST_F(BlockJobTest, PlansStableWritesWhereTheTermsSaySo) {
  const std::vector<std::byte> data(kSectorSize);
  for (const auto durability : {BlockDurability::kCached, BlockDurability::kStable}) {
    terms_.durability = durability;
    ASSERT_TRUE(Begin(BlockRequestType::kOut, 0, data, 0));
    ASSERT_EQ(job_.Plan(terms_), BlockStatus::kOk);
    EXPECT_EQ(job_.parts().front().durability, durability);
    ASSERT_EQ(PlanSegment(BlockRequestType::kWriteZeroes, {.sector = 0, .sectors = 1, .flags = 0}),
              BlockStatus::kOk);
    EXPECT_EQ(job_.parts().front().durability, durability);
  }
}

TEST_F(BlockJobTest, HasNothingToDoForNoBytes) {
  ASSERT_TRUE(Begin(BlockRequestType::kIn, 0, {}, 0));
  EXPECT_EQ(job_.Plan(terms_), BlockStatus::kOk);
  EXPECT_THAT(job_.parts(), IsEmpty());
  EXPECT_EQ(PlanSegment(BlockRequestType::kDiscard, {.sector = 5, .sectors = 0, .flags = 0}),
            BlockStatus::kOk);
  EXPECT_THAT(job_.parts(), IsEmpty());
}

TEST_F(BlockJobTest, PlansAPartForEachSegment) {
  const std::array<BlockSegment, 3> segments = {{{.sector = 8, .sectors = 16, .flags = 0},
                                                 {.sector = 100, .sectors = 0, .flags = 0},
                                                 {.sector = 64, .sectors = 1, .flags = 0}}};
  ASSERT_EQ(PlanSegments(BlockRequestType::kDiscard, segments), BlockStatus::kOk);
  ASSERT_THAT(job_.parts(), SizeIs(2)) << "one has no sectors";
  EXPECT_EQ(job_.parts()[0].operation, BlockOperation::kDiscard);
  EXPECT_EQ(job_.parts()[0].offset, 8 * kSectorSize);
  EXPECT_EQ(job_.parts()[0].length, 16 * kSectorSize);
  EXPECT_EQ(job_.parts()[1].offset, 64 * kSectorSize);
  EXPECT_EQ(job_.moved_bytes(), 0U);
  EXPECT_EQ(job_.cost(), 2 * BlockJob::kDiscardCost)
      << "it moves nothing, and is work all the same";
  EXPECT_FALSE(job_.FinishPart(5));
  EXPECT_TRUE(job_.FinishPart(0));
  EXPECT_EQ(job_.error(), 5);
}

TEST_F(BlockJobTest, TellsZeroesThatMayUnmap) {
  ASSERT_EQ(PlanSegment(BlockRequestType::kWriteZeroes, {.sector = 0, .sectors = 3, .flags = 0}),
            BlockStatus::kOk);
  EXPECT_EQ(job_.parts().front().zeroing, BlockZeroing::kKeepAllocated);
  EXPECT_EQ(job_.moved_bytes(), 3 * kSectorSize) << "storage may have to write them";
  ASSERT_EQ(PlanSegment(BlockRequestType::kWriteZeroes,
                        {.sector = 8, .sectors = 4, .flags = kBlockSegmentUnmap}),
            BlockStatus::kOk);
  EXPECT_EQ(job_.parts().front().zeroing, BlockZeroing::kMayUnmap);
  EXPECT_EQ(job_.moved_bytes(), 4 * kSectorSize);
  EXPECT_EQ(job_.cost(), 4 * kSectorSize);
}

TEST_F(BlockJobTest, SupportsNoFlagsButOne) {
  for (const uint32_t flags : {kBlockSegmentUnmap, uint32_t{2}, uint32_t{0x80000000}}) {
    EXPECT_EQ(PlanSegment(BlockRequestType::kDiscard, {.sector = 0, .sectors = 1, .flags = flags}),
              BlockStatus::kUnsupported);
  }
  for (const uint32_t flags : {uint32_t{2}, uint32_t{3}, uint32_t{0x80000001}}) {
    EXPECT_EQ(
        PlanSegment(BlockRequestType::kWriteZeroes, {.sector = 0, .sectors = 1, .flags = flags}),
        BlockStatus::kUnsupported);
  }
}

TEST_F(BlockJobTest, DoesNothingWhereOneSegmentIsWrong) {
  const std::array<BlockSegment, 2> segments = {
      {{.sector = 0, .sectors = 8, .flags = 0},
       {.sector = kDiskSectors, .sectors = 1, .flags = 0}}};
  EXPECT_EQ(PlanSegments(BlockRequestType::kDiscard, segments), BlockStatus::kIoError);
  EXPECT_THAT(job_.parts(), IsEmpty());
  EXPECT_EQ(job_.cost(), 0U);
  EXPECT_EQ(PlanSegment(BlockRequestType::kWriteZeroes, segments.back()), BlockStatus::kIoError);
  EXPECT_EQ(job_.moved_bytes(), 0U);
}

TEST_F(BlockJobTest, RefusesRangesBeyondTheEnd) {
  for (const auto type : {BlockRequestType::kDiscard, BlockRequestType::kWriteZeroes}) {
    for (const uint64_t sector :
         {kDiskSectors, kDiskSectors - 1, kMaxSector, kMaxSector / kSectorSize}) {
      EXPECT_EQ(PlanSegment(type, {.sector = sector, .sectors = 2, .flags = 0}),
                BlockStatus::kIoError)
          << sector;
    }
    EXPECT_EQ(PlanSegment(type, {.sector = kDiskSectors - 2, .sectors = 2, .flags = 0}),
              BlockStatus::kOk);
  }
}

TEST_F(BlockJobTest, RefusesMoreThanItSaidItTakes) {
  constexpr uint32_t kDiscard = BlockConfigSpace::kMaxDiscardSectors;
  constexpr uint32_t kZero = BlockConfigSpace::kMaxZeroSectors;
  using Type = BlockRequestType;
  EXPECT_EQ(PlanSegment(Type::kDiscard, {.sector = 0, .sectors = kDiscard, .flags = 0}),
            BlockStatus::kOk);
  EXPECT_EQ(PlanSegment(Type::kDiscard, {.sector = 0, .sectors = kDiscard + 1, .flags = 0}),
            BlockStatus::kIoError);
  EXPECT_EQ(PlanSegment(Type::kWriteZeroes, {.sector = 0, .sectors = kZero, .flags = 0}),
            BlockStatus::kOk);
  EXPECT_EQ(PlanSegment(Type::kWriteZeroes, {.sector = 0, .sectors = kZero + 1, .flags = 0}),
            BlockStatus::kIoError);
  std::vector<BlockSegment> segments(BlockConfigSpace::kMaxDiscardSegments,
                                     {.sector = 0, .sectors = 1, .flags = 0});
  EXPECT_EQ(PlanSegments(Type::kDiscard, segments), BlockStatus::kOk);
  EXPECT_EQ(job_.cost(), BlockJob::kMaxTransferBytes);
  segments.push_back(segments.front());
  EXPECT_EQ(PlanSegments(Type::kDiscard, segments), BlockStatus::kIoError);
  EXPECT_EQ(PlanSegments(Type::kWriteZeroes, std::span(segments).first(2)), BlockStatus::kIoError);
}

// Descriptors that all name one buffer make 4 GiB of it.
TEST_F(BlockJobTest, RefusesTransfersThatNoBackendIsToHaveAtOnce) {
  constexpr size_t kRepeated = size_t{1} << 20;
  constexpr uint64_t kTimes = BlockJob::kMaxTransferBytes / kRepeated;
  std::vector<std::byte> repeated(kRepeated);
  for (const uint64_t times : {kTimes, kTimes + 1}) {
    ASSERT_TRUE(Begin(BlockRequestType::kIn, 0, {}, 0));
    for (uint64_t i = 0; i < times; ++i) {
      job_.chain().writable.Append(repeated.data(), repeated.size());
    }
    EXPECT_EQ(job_.Plan(terms_), times == kTimes ? BlockStatus::kOk : BlockStatus::kIoError);
    EXPECT_EQ(job_.cost(), times == kTimes ? BlockJob::kMaxTransferBytes : 0);
  }
}

TEST_F(BlockJobTest, RefusesPartsOfSegments) {
  const std::array<std::byte, 2 * sizeof(BlockSegment)> data{};
  for (const size_t size : {size_t{0}, size_t{1}, sizeof(BlockSegment) - 1, data.size() - 1}) {
    ASSERT_TRUE(Begin(BlockRequestType::kDiscard, 0, std::span(data).first(size), 0));
    EXPECT_EQ(job_.Plan(terms_), BlockStatus::kIoError) << size;
  }
}

TEST_F(BlockJobTest, ChangesNothingOnAReadOnlyDisk) {
  terms_.access = BlockAccess::kReadOnly;
  const BlockSegment segment = {.sector = 0, .sectors = 1, .flags = 0};
  EXPECT_EQ(PlanSegment(BlockRequestType::kDiscard, segment), BlockStatus::kIoError);
  EXPECT_EQ(PlanSegment(BlockRequestType::kWriteZeroes, segment), BlockStatus::kIoError);
}

TEST_F(BlockJobTest, DoesNotDoWhatWasNotNegotiated) {
  terms_.features = 0;
  const BlockSegment segment = {.sector = 0, .sectors = 1, .flags = 0};
  EXPECT_EQ(PlanSegment(BlockRequestType::kDiscard, segment), BlockStatus::kUnsupported);
  EXPECT_EQ(PlanSegment(BlockRequestType::kWriteZeroes, segment), BlockStatus::kUnsupported);
}

TEST_F(BlockJobTest, ForgetsTheRequestBefore) {
  ASSERT_EQ(PlanSegment(BlockRequestType::kWriteZeroes, {.sector = 0, .sectors = 1, .flags = 0}),
            BlockStatus::kOk);
  EXPECT_TRUE(job_.FinishPart(5));
  ASSERT_TRUE(Begin(BlockRequestType::kFlush, 0, {}, 0));
  ASSERT_EQ(job_.Plan(terms_), BlockStatus::kOk);
  EXPECT_THAT(job_.parts(), SizeIs(1));
  EXPECT_EQ(job_.moved_bytes(), 0U);
  EXPECT_EQ(job_.error(), 0);
}

TEST_F(BlockJobTest, ClaimsTheStatusOnlyWhereTheRoomBeforeItWasWritten) {
  ASSERT_TRUE(Begin(BlockRequestType::kGetId, 0, {}, 4));
  const std::array<std::byte, 3> id = {std::byte{1}, std::byte{2}, std::byte{3}};
  const size_t written = job_.PutId(id);
  EXPECT_EQ(written, 3U);
  EXPECT_EQ(job_.Answer(BlockStatus::kOk, written), 3U);
  EXPECT_EQ(writable_[3], kUntouched);
  EXPECT_EQ(writable_[4], std::byte{0});
}

}  // namespace
}  // namespace mayfly::virtio
