#include "virtio/block/overlay/overlay_disk.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/file_io.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/overlay/testing/volatile_disk.h"

namespace mayfly::virtio {
namespace {

constexpr uint64_t kClusters = 64;
constexpr uint64_t kCapacity = kClusters * kOverlayCluster - kSectorSize;
constexpr std::byte kBaseByte{0xba};
constexpr std::byte kZero{0};

class Request final : public BlockCompletion {
 public:
  Request(BlockOperation operation, uint64_t offset, uint64_t length, std::byte fill = kZero)
      : data_(
            operation == BlockOperation::kRead || operation == BlockOperation::kWrite ? length : 0,
            fill),
        piece_{.iov_base = data_.data(), .iov_len = data_.size()} {
    block.operation = operation;
    block.offset = offset;
    block.length = length;
    if (!data_.empty()) block.buffers = std::span(&piece_, 1);
  }

  void OnCompleted(BlockRequest& /*request*/, int result) override { error = result; }
  void OnBatchCompleted() override { ++batches; }
  [[nodiscard]] const std::vector<std::byte>& data() const { return data_; }

  BlockRequest block;
  std::optional<int> error;
  unsigned batches = 0;

 private:
  std::vector<std::byte> data_;
  iovec piece_;
};

class OverlayDiskTest : public ::testing::Test {
 protected:
  OverlayDiskTest() {
    base_image_.Write(0, std::vector<std::byte>(kCapacity, kBaseByte));
    Open();
  }

  void Open(uint64_t cap = OverlayDisk::kNoCap,
            VolatileDisk::Completion completion = VolatileDisk::Completion::kInline) {
    disk_.reset();
    const uint64_t size = OverlayLayout::OfFile(kCapacity).size();
    OwnedFd file(image_.ToFile(std::exchange(made_, true) ? size : 0));
    OverlayUpper upper =
        OverlayUpper::Open(std::move(file), {.capacity = kCapacity}, "layer").value();
    image_.TakeChangesFrom(upper.file.get(), size);
    Use(std::move(upper.contents), cap, completion);
  }
  void Use(OverlayContents contents, uint64_t cap, VolatileDisk::Completion completion) {
    auto base =
        std::make_unique<VolatileDisk>(base_image_, kCapacity, BlockAccess::kReadOnly, completion);
    auto upper = std::make_unique<VolatileDisk>(image_, contents.layout.size(),
                                                BlockAccess::kReadWrite, completion);
    base_ = base.get();
    upper_ = upper.get();
    disk_ =
        std::make_unique<OverlayDisk>(std::move(base), std::move(upper), std::move(contents), cap);
  }

  [[nodiscard]] int Do(BlockOperation operation, uint64_t offset, uint64_t length,
                       std::byte fill = kZero,
                       BlockDurability durability = BlockDurability::kCached,
                       BlockZeroing zeroing = BlockZeroing::kMayUnmap) const {
    Request request(operation, offset, length, fill);
    request.block.durability = durability;
    request.block.zeroing = zeroing;
    disk_->Submit(request.block, request);
    disk_->Drain();
    return request.error.value();
  }
  [[nodiscard]] int Write(uint64_t offset, uint64_t length, uint8_t fill) const {
    return Do(BlockOperation::kWrite, offset, length, std::byte{fill});
  }
  [[nodiscard]] int Flush() const { return Do(BlockOperation::kFlush, 0, 0); }
  // Whether all of these bytes read as `fill`.
  void ExpectBytes(uint64_t offset, uint64_t length, std::byte fill) const {
    Request request(BlockOperation::kRead, offset, length, std::byte{0xee});
    disk_->Submit(request.block, request);
    disk_->Drain();
    ASSERT_EQ(request.error, 0);
    const auto wrong =
        std::ranges::find_if(request.data(), [&](std::byte byte) { return byte != fill; });
    EXPECT_EQ(wrong, request.data().end())
        << "at byte " << offset + static_cast<uint64_t>(wrong - request.data().begin());
  }

  DiskImage base_image_;
  DiskImage image_;
  bool made_ = false;
  VolatileDisk* base_ = nullptr;
  VolatileDisk* upper_ = nullptr;
  std::unique_ptr<OverlayDisk> disk_;
};

TEST_F(OverlayDiskTest, BeginsAsItsBase) {
  EXPECT_EQ(disk_->capacity(), kCapacity);
  ExpectBytes(0, kCapacity, kBaseByte);
  EXPECT_EQ(disk_->used_bytes(), 0U);
}

TEST_F(OverlayDiskTest, AWriteOfWholeClustersNeedsNothingOfTheBase) {
  ASSERT_EQ(Write(4 * kOverlayCluster, 2 * kOverlayCluster, 1), 0);
  EXPECT_EQ(base_->reads(), 0U);
  ExpectBytes(4 * kOverlayCluster, 2 * kOverlayCluster, std::byte{1});
  ExpectBytes(0, 4 * kOverlayCluster, kBaseByte);
  EXPECT_EQ(disk_->used_bytes(), 3 * kOverlayPage);
}

TEST_F(OverlayDiskTest, AWriteOfLessIsFilledFromTheBase) {
  ASSERT_EQ(Write(kOverlayCluster + kSectorSize, kSectorSize, 1), 0);
  ExpectBytes(kOverlayCluster, kSectorSize, kBaseByte);
  ExpectBytes(kOverlayCluster + kSectorSize, kSectorSize, std::byte{1});
  ExpectBytes(kOverlayCluster + 2 * kSectorSize, kOverlayCluster, kBaseByte);
}

TEST_F(OverlayDiskTest, AWriteAcrossClustersIsFilledAtBothEnds) {
  ASSERT_EQ(Write(2 * kOverlayCluster - kSectorSize, kOverlayCluster + 2 * kSectorSize, 1), 0);
  ExpectBytes(kOverlayCluster, kOverlayCluster - kSectorSize, kBaseByte);
  ExpectBytes(2 * kOverlayCluster - kSectorSize, kOverlayCluster + 2 * kSectorSize, std::byte{1});
  ExpectBytes(3 * kOverlayCluster + kSectorSize, kOverlayCluster - kSectorSize, kBaseByte);
}

TEST_F(OverlayDiskTest, TheLastClusterMayBeShorter) {
  ASSERT_EQ(Write(kCapacity - kSectorSize, kSectorSize, 1), 0);
  ExpectBytes(kCapacity - kSectorSize, kSectorSize, std::byte{1});
  ExpectBytes(kCapacity - 7 * kSectorSize, 6 * kSectorSize, kBaseByte);
  ASSERT_EQ(Do(BlockOperation::kDiscard, kCapacity - 7 * kSectorSize, 7 * kSectorSize), 0);
  ExpectBytes(kCapacity - 7 * kSectorSize, 7 * kSectorSize, kZero);
}

TEST_F(OverlayDiskTest, ADiscardFreesAndHidesTheBase) {
  ASSERT_EQ(Write(0, 8 * kOverlayCluster, 1), 0);
  ASSERT_EQ(Do(BlockOperation::kDiscard, 2 * kOverlayCluster, 10 * kOverlayCluster), 0);
  ExpectBytes(0, 2 * kOverlayCluster, std::byte{1});
  ExpectBytes(2 * kOverlayCluster, 10 * kOverlayCluster, kZero);
  ExpectBytes(12 * kOverlayCluster, kOverlayCluster, kBaseByte);
  EXPECT_EQ(upper_->discards(), 1U);
  EXPECT_EQ(upper_->discarded(), 10 * kOverlayCluster);
  EXPECT_EQ(disk_->used_bytes(), 3 * kOverlayPage);
}

TEST_F(OverlayDiskTest, ADiscardOfManyPiecesIsOneOfTheUpper) {
  for (uint64_t cluster = 0; cluster < kClusters - 1; cluster += 2) {
    ASSERT_EQ(Write(cluster * kOverlayCluster, kOverlayCluster, 1), 0);
  }
  ASSERT_EQ(Do(BlockOperation::kDiscard, 0, kCapacity), 0);
  EXPECT_EQ(upper_->discards(), 1U);
  ExpectBytes(0, kCapacity, kZero);
  EXPECT_EQ(disk_->used_bytes(), kOverlayPage);
  ASSERT_EQ(Do(BlockOperation::kDiscard, 0, kCapacity), 0);
  EXPECT_EQ(upper_->discards(), 1U) << "there is nothing to give back";
}

TEST_F(OverlayDiskTest, ADiscardLeavesPartsOfClusters) {
  ASSERT_EQ(Do(BlockOperation::kDiscard, kSectorSize, 2 * kOverlayCluster), 0);
  ExpectBytes(0, kOverlayCluster, kBaseByte);
  ExpectBytes(kOverlayCluster, kOverlayCluster, kZero);
  ExpectBytes(2 * kOverlayCluster, kOverlayCluster, kBaseByte);
}

TEST_F(OverlayDiskTest, AWriteOfLessIntoADiscardedClusterIsFilledWithZeroes) {
  ASSERT_EQ(Write(0, kOverlayCluster, 1), 0);
  upper_->SetDiscardGranularity(0);  // the old bytes stay where they were
  ASSERT_EQ(Do(BlockOperation::kDiscard, 0, kOverlayCluster), 0);
  ASSERT_EQ(Write(kSectorSize, kSectorSize, 2), 0);
  ExpectBytes(0, kSectorSize, kZero);
  ExpectBytes(kSectorSize, kSectorSize, std::byte{2});
  ExpectBytes(2 * kSectorSize, kOverlayCluster - 2 * kSectorSize, kZero);
}

TEST_F(OverlayDiskTest, ZeroesAreZeroesInPartsOfClustersToo) {
  for (const BlockZeroing zeroing : {BlockZeroing::kMayUnmap, BlockZeroing::kKeepAllocated}) {
    ASSERT_EQ(Write(0, 2 * kOverlayCluster, 1), 0);
    ASSERT_EQ(Do(BlockOperation::kWriteZeroes, kSectorSize, 4 * kOverlayCluster, kZero,
                 BlockDurability::kCached, zeroing),
              0);
    ExpectBytes(0, kSectorSize, std::byte{1});
    ExpectBytes(kSectorSize, 4 * kOverlayCluster, kZero);
    ExpectBytes(4 * kOverlayCluster + kSectorSize, kOverlayCluster - kSectorSize, kBaseByte);
  }
}

TEST_F(OverlayDiskTest, ZeroesKeepTheirSpaceUnlessTheyMayLoseIt) {
  ASSERT_EQ(Write(0, 4 * kOverlayCluster, 1), 0);
  const uint64_t used = disk_->used_bytes();
  ASSERT_EQ(Do(BlockOperation::kWriteZeroes, 0, 4 * kOverlayCluster, kZero,
               BlockDurability::kCached, BlockZeroing::kKeepAllocated),
            0);
  EXPECT_EQ(disk_->used_bytes(), used);
  ExpectBytes(0, 4 * kOverlayCluster, kZero);
  ASSERT_EQ(Do(BlockOperation::kWriteZeroes, 0, 4 * kOverlayCluster), 0);
  EXPECT_EQ(disk_->used_bytes(), used - 4 * kOverlayCluster);
}

TEST_F(OverlayDiskTest, TheCapIsAnErrorAndNothingElse) {
  Open(5 * kOverlayPage);  // four clusters and a page of the map
  ASSERT_EQ(Write(0, 4 * kOverlayCluster, 1), 0);
  EXPECT_EQ(Write(4 * kOverlayCluster, kOverlayCluster, 2), EDQUOT);
  EXPECT_EQ(Write(8 * kOverlayCluster, kSectorSize, 2), EDQUOT);
  EXPECT_EQ(Write(3 * kOverlayCluster, 2 * kOverlayCluster, 2), EDQUOT);
  ExpectBytes(0, 4 * kOverlayCluster, std::byte{1});
  ExpectBytes(4 * kOverlayCluster, 8 * kOverlayCluster, kBaseByte);
  // What is there can be written again, and what is given back can be used.
  EXPECT_EQ(Write(kSectorSize, 3 * kOverlayCluster, 3), 0);
  ASSERT_EQ(Do(BlockOperation::kDiscard, 0, kOverlayCluster), 0);
  EXPECT_EQ(Write(4 * kOverlayCluster, kOverlayCluster, 4), 0);
  EXPECT_EQ(disk_->used_bytes(), 5 * kOverlayPage);
}

TEST_F(OverlayDiskTest, TheCapCountsWhatIsOnItsWay) {
  Open(2 * kOverlayPage, VolatileDisk::Completion::kLater);
  Request first(BlockOperation::kWrite, 0, kOverlayCluster, std::byte{1});
  Request second(BlockOperation::kWrite, kOverlayCluster, kOverlayCluster, std::byte{2});
  disk_->Submit(first.block, first);
  disk_->Submit(second.block, second);
  EXPECT_EQ(second.error, EDQUOT);
  disk_->Drain();
  EXPECT_EQ(first.error, 0);
}

TEST_F(OverlayDiskTest, WhatWasFlushedSurvivesAKill) {
  ASSERT_EQ(Write(0, kOverlayCluster, 1), 0);
  ASSERT_EQ(Write(9 * kSectorSize, kSectorSize, 2), 0);
  ASSERT_EQ(Do(BlockOperation::kDiscard, 4 * kOverlayCluster, kOverlayCluster), 0);
  ASSERT_EQ(Flush(), 0);
  Open();
  ExpectBytes(0, kOverlayCluster, std::byte{1});
  ExpectBytes(8 * kSectorSize, kSectorSize, kBaseByte);
  ExpectBytes(9 * kSectorSize, kSectorSize, std::byte{2});
  ExpectBytes(4 * kOverlayCluster, kOverlayCluster, kZero);
}

TEST_F(OverlayDiskTest, WhatWasFlushedSurvivesAPowerFailure) {
  ASSERT_EQ(Write(0, kOverlayCluster, 1), 0);
  ASSERT_EQ(Flush(), 0);
  ASSERT_EQ(Write(kOverlayCluster, kOverlayCluster, 2), 0);
  image_.LosePower([] { return false; });
  Open();
  ExpectBytes(0, kOverlayCluster, std::byte{1});
  ExpectBytes(kOverlayCluster, kOverlayCluster, kBaseByte);
}

TEST_F(OverlayDiskTest, AStableWriteSurvivesAPowerFailure) {
  ASSERT_EQ(Do(BlockOperation::kWrite, 0, kSectorSize, std::byte{1}, BlockDurability::kStable), 0);
  ASSERT_EQ(Do(BlockOperation::kWrite, kOverlayCluster, kOverlayCluster, std::byte{2},
               BlockDurability::kStable),
            0);
  image_.LosePower([] { return false; });
  Open();
  ExpectBytes(0, kSectorSize, std::byte{1});
  ExpectBytes(kSectorSize, kOverlayCluster - kSectorSize, kBaseByte);
  ExpectBytes(kOverlayCluster, kOverlayCluster, std::byte{2});
}

// The map must not be there before what it leads to.
TEST_F(OverlayDiskTest, AFlushMakesDataStableBeforeTheMap) {
  ASSERT_EQ(Write(0, kOverlayCluster, 1), 0);
  upper_->FailAfter(0);  // not even the data can be made stable
  EXPECT_EQ(Flush(), EIO);
  upper_->StopFailing();
  Open();
  ExpectBytes(0, kOverlayCluster, kBaseByte);
}

TEST_F(OverlayDiskTest, AFailedFlushIsTriedAgain) {
  ASSERT_EQ(Write(0, kOverlayCluster, 1), 0);
  for (size_t good = 0; good < 3; ++good) {
    upper_->FailAfter(good);
    EXPECT_EQ(Flush(), EIO) << good;
  }
  upper_->StopFailing();
  ASSERT_EQ(Flush(), 0);
  image_.LosePower([] { return false; });
  Open();
  ExpectBytes(0, kOverlayCluster, std::byte{1});
}

TEST_F(OverlayDiskTest, OverwritingNeedsOneFlushOnly) {
  ASSERT_EQ(Write(0, kOverlayCluster, 1), 0);
  ASSERT_EQ(Flush(), 0);
  const unsigned flushes = upper_->flushes();
  ASSERT_EQ(Write(0, kOverlayCluster, 2), 0);
  ASSERT_EQ(Flush(), 0);
  EXPECT_EQ(upper_->flushes(), flushes + 1);
}

TEST_F(OverlayDiskTest, ACleanEndKeepsWhatWasNotFlushed) {
  ASSERT_EQ(Write(0, kOverlayCluster, 1), 0);
  disk_->Drain();
  disk_->Close();
  EXPECT_TRUE(upper_->closed());
  EXPECT_TRUE(base_->closed());
  Open();
  ExpectBytes(0, kOverlayCluster, std::byte{1});
}

TEST_F(OverlayDiskTest, InMemoryNothingIsSaved) {
  const OverlayLayout layout = OverlayLayout::OfMemory(kCapacity);
  Use({layout, OverlayMap::Create(layout.clusters()).value(), std::nullopt}, OverlayDisk::kNoCap,
      VolatileDisk::Completion::kInline);
  ASSERT_EQ(Do(BlockOperation::kWrite, 0, kSectorSize, std::byte{1}, BlockDurability::kStable), 0);
  ASSERT_EQ(Flush(), 0);
  EXPECT_EQ(upper_->flushes(), 0U);
  ExpectBytes(0, kSectorSize, std::byte{1});
  ExpectBytes(kSectorSize, kSectorSize, kBaseByte);
}

// One is on its way to a cluster, and another, for a different part of it, has it filled.
TEST_F(OverlayDiskTest, FillingDoesNotLoseWhatIsOnItsWay) {
  Open(OverlayDisk::kNoCap, VolatileDisk::Completion::kLater);
  Request whole(BlockOperation::kWrite, 0, kOverlayCluster, std::byte{1});
  Request part(BlockOperation::kWrite, kOverlayCluster + kSectorSize, kSectorSize, std::byte{2});
  Request other(BlockOperation::kWrite, kOverlayCluster, kOverlayCluster, std::byte{3});
  disk_->Submit(whole.block, whole);
  disk_->Submit(other.block, other);
  disk_->Submit(part.block, part);
  EXPECT_EQ(whole.error, 0);
  EXPECT_EQ(other.error, 0);
  disk_->Drain();
  EXPECT_EQ(part.error, 0);
  ExpectBytes(kOverlayCluster, kSectorSize, std::byte{3});
  ExpectBytes(kOverlayCluster + kSectorSize, kSectorSize, std::byte{2});
  ExpectBytes(kOverlayCluster + 2 * kSectorSize, kSectorSize, std::byte{3});
}

TEST_F(OverlayDiskTest, RequestsCompleteWhenTheirLayerDoes) {
  Open(OverlayDisk::kNoCap, VolatileDisk::Completion::kLater);
  Request write(BlockOperation::kWrite, 0, kOverlayCluster, std::byte{1});
  disk_->Submit(write.block, write);
  EXPECT_FALSE(write.error.has_value());
  upper_->Complete(0);
  EXPECT_EQ(write.error, 0);
  EXPECT_EQ(write.batches, 1U);
  Request read(BlockOperation::kRead, kOverlayCluster, kOverlayCluster);
  disk_->Submit(read.block, read);
  EXPECT_FALSE(read.error.has_value());
  base_->Complete(0);
  EXPECT_EQ(read.error, 0);
  EXPECT_EQ(read.batches, 1U);
}

// Who resets the device when a request is done is gone when the layer's batch is over.
TEST_F(OverlayDiskTest, NobodyIsToldOfABatchThatADrainEnded) {
  class Draining final : public BlockCompletion {
   public:
    explicit Draining(OverlayDisk& disk) : disk_(disk) {}
    void OnCompleted(BlockRequest& /*request*/, int error) override {
      EXPECT_EQ(error, 0);
      disk_.Drain();
    }
    void OnBatchCompleted() override { ++batches; }
    unsigned batches = 0;

   private:
    OverlayDisk& disk_;
  };
  Open(OverlayDisk::kNoCap, VolatileDisk::Completion::kLater);
  Draining draining(*disk_);
  Request write(BlockOperation::kWrite, 0, kOverlayCluster, std::byte{1});
  disk_->Submit(write.block, draining);
  upper_->Complete(0);
  EXPECT_EQ(draining.batches, 0U);
}

TEST_F(OverlayDiskTest, AFailedWriteLeavesTheCluster) {
  upper_->FailAfter(0);
  EXPECT_EQ(Write(0, kOverlayCluster, 1), EIO);
  upper_->StopFailing();
  upper_->FailAfter(1);  // the filling is good, the data are not
  EXPECT_EQ(Write(kOverlayCluster, kSectorSize, 1), EIO);
  upper_->StopFailing();
  base_->FailAfter(0);
  EXPECT_EQ(Write(2 * kOverlayCluster, kSectorSize, 1), EIO);
  base_->StopFailing();
  ExpectBytes(0, 3 * kOverlayCluster, kBaseByte);
  EXPECT_EQ(disk_->used_bytes(), 0U);
}

}  // namespace
}  // namespace mayfly::virtio
