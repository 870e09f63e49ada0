// What a block device does with several queues, limits, a cache mode and a size that change.

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/block.h"
#include "virtio/block/testing/memory_backend.h"
#include "virtio/testing/driver_ring.h"
#include "virtio/testing/fake_host.h"
#include "virtio/testing/guest_ram.h"

namespace mayfly::virtio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kQueues = 3;
constexpr uint16_t kRingSize = 32;
constexpr uint64_t kRings = 0x1000;
constexpr uint64_t kRingStride = 0x1000;
constexpr uint64_t kHeader = 0x8000;
constexpr uint64_t kStatus = 0x8800;
constexpr uint64_t kData = 0x9000;
constexpr uint64_t kDiskSectors = 64;
constexpr uint64_t kAllFeatures = kRingFeatures | kBlockFeatureFlush | kBlockFeatureMultiQueue |
                                  kBlockFeatureDiscard | kBlockFeatureWriteZeroes |
                                  kBlockFeatureConfigWriteback;
constexpr uint64_t kWritebackField = offsetof(BlockConfig, writeback);
// So few that in the time of a test no more are admitted than the burst.
constexpr RateLimits OperationsOnly(uint64_t burst) {
  return {.operations = {.per_second = 1, .burst = burst}, .bytes = {}};
}
constexpr RateLimits BytesOnly(uint64_t burst) {
  return {.operations = {}, .bytes = {.per_second = 1, .burst = burst}};
}

class BlockLimitsTest : public ::testing::Test {
 protected:
  void Make(const RateLimits& limits, uint64_t features = kAllFeatures,
            MemoryBackend::Completion completion = MemoryBackend::Completion::kInline) {
    auto backend = std::make_unique<MemoryBackend>(kDiskSectors * kSectorSize,
                                                   BlockAccess::kReadWrite, completion);
    backend_ = backend.get();
    block_ = Block::Create(std::move(backend), {.serial = "s", .queues = kQueues, .limits = limits},
                           *io_)
                 .value();
    Activate(features);
  }
  void Activate(uint64_t features) {
    for (size_t i = 0; i < kQueues; ++i) {
      rings_[i].Clear();
      ASSERT_TRUE(
          queues_[i].Activate(memory_, rings_[i].layout(), Block::kQueueSize, features).ok());
    }
    block_->Activate(features, queues_, host_);
  }
  void Offer(uint16_t queue, unsigned count, BlockRequestType type = BlockRequestType::kOut) {
    const BlockRequestHeader header = {
        .type = static_cast<uint32_t>(type), .reserved = 0, .sector = 0};
    ASSERT_TRUE(memory_.Store(kHeader, header).ok());
    for (unsigned i = 0; i < count; ++i) {
      rings_[queue].Offer(static_cast<uint16_t>(i * 3),
                          {{kHeader, sizeof header}, {kData, kSectorSize}, {kStatus, 1, true}});
    }
    block_->OnKick(queue);
  }
  void SetWriteback(bool on) {
    const std::array<std::byte, 1> value = {on ? std::byte{1} : std::byte{0}};
    block_->WriteConfig(kWritebackField, value);
  }
  [[nodiscard]] bool Writeback() const {
    std::array<std::byte, 1> value{};
    block_->ReadConfig(kWritebackField, value);
    return value.front() == std::byte{1};
  }
  // A limit that was not there before begins with a full bucket: of one, which who waits first
  // gets.
  void AdmitOneMore() {
    bytes_limited_ = !bytes_limited_;
    block_->UpdateLimits(bytes_limited_ ? BytesOnly(1) : OperationsOnly(1));
  }
  void StopWhenDone(uint16_t count) {
    if (Done(0) == count) {
      io_->Stop();
    } else {
      io_->Post([this, count] { StopWhenDone(count); });
    }
  }
  [[nodiscard]] uint16_t Done(size_t queue) const { return rings_[queue].used_index(); }

  const std::unique_ptr<EventLoop> io_ = EventLoop::Create().value();
  const GuestMemory memory_ = MakeGuestRam();
  std::array<DriverRing, kQueues> rings_ = {
      DriverRing(memory_, kRings, kRingSize), DriverRing(memory_, kRings + kRingStride, kRingSize),
      DriverRing(memory_, kRings + 2 * kRingStride, kRingSize)};
  std::array<Queue, kQueues> queues_;
  FakeHost host_;
  bool bytes_limited_ = false;
  MemoryBackend* backend_ = nullptr;
  std::unique_ptr<Block> block_;
};

TEST_F(BlockLimitsTest, ServesEachQueueByItself) {
  Make({});
  EXPECT_NE(block_->features() & kBlockFeatureMultiQueue, 0U);
  Offer(2, 3);
  Offer(0, 1);
  EXPECT_EQ(Done(0), 1);
  EXPECT_EQ(Done(1), 0);
  EXPECT_EQ(Done(2), 3);
}

TEST_F(BlockLimitsTest, TakesNoQueuesAndTooManyForAnError) {
  for (const uint16_t queues : {uint16_t{0}, uint16_t{Block::kMaxQueues + 1}}) {
    auto backend = std::make_unique<MemoryBackend>(kSectorSize, BlockAccess::kReadOnly,
                                                   MemoryBackend::Completion::kInline);
    const auto block = Block::Create(std::move(backend), {.serial = "s", .queues = queues}, *io_);
    EXPECT_EQ(block.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(BlockLimitsTest, HoldsWhatIsOverTheLimitUntilItIsLifted) {
  Make(OperationsOnly(2));
  Offer(0, 5);
  EXPECT_EQ(Done(0), 2);
  EXPECT_EQ(block_->counters().throttled, 1U);
  block_->OnKick(0);
  EXPECT_EQ(Done(0), 2) << "a kick does not help";
  block_->UpdateLimits({});
  EXPECT_EQ(Done(0), 5);
  EXPECT_EQ(block_->counters().writes, 5U);
  EXPECT_EQ(block_->counters().written_bytes, 5 * kSectorSize);
  Offer(0, 1);
  EXPECT_EQ(Done(0), 6) << "it asked for kicks again";
}

TEST_F(BlockLimitsTest, CountsBytes) {
  Make(BytesOnly(3 * kSectorSize));
  Offer(0, 4);
  EXPECT_EQ(Done(0), 3);
}

TEST_F(BlockLimitsTest, FlushesAreOperationsWithoutBytes) {
  Make(BytesOnly(1));
  Offer(0, 4, BlockRequestType::kFlush);
  EXPECT_EQ(Done(0), 4);
  block_->UpdateLimits(OperationsOnly(1));
  Offer(0, 2, BlockRequestType::kFlush);
  EXPECT_EQ(Done(0), 5);
}

TEST_F(BlockLimitsTest, GoesOnByItselfWhenItIsTime) {
  Make({.operations = {.per_second = 1000, .burst = 1}, .bytes = {}});
  Offer(0, 4);
  EXPECT_EQ(Done(0), 1);
  io_->Post([this] { StopWhenDone(4); });
  io_->Run();
  EXPECT_EQ(Done(0), 4);
}

TEST_F(BlockLimitsTest, QueuesThatWaitTakeTurns) {
  Make(OperationsOnly(1));
  for (uint16_t queue = 0; queue < kQueues; ++queue) Offer(queue, 3);
  EXPECT_EQ(Done(0), 1);
  for (int round = 0; round < 2; ++round) {
    for (const size_t queue : {0U, 1U, 2U}) {
      const uint16_t before = Done(queue);
      AdmitOneMore();
      EXPECT_EQ(Done(queue), before + 1) << "queue " << queue << ", round " << round;
    }
  }
}

TEST_F(BlockLimitsTest, GivesUpWhatWaitsOnReset) {
  Make(OperationsOnly(1));
  Offer(0, 3);
  Offer(1, 1);
  block_->Reset();
  block_->UpdateLimits({});
  Activate(kAllFeatures);
  Offer(1, 2);
  EXPECT_EQ(Done(0), 0);
  EXPECT_EQ(Done(1), 2);
}

TEST_F(BlockLimitsTest, DoesNothingMoreForADeviceThatFailed) {
  Make(OperationsOnly(1));
  Offer(0, 2);
  rings_[1].MakeAvailable(kRingSize);
  block_->OnKick(1);
  ASSERT_EQ(host_.failures.size(), 1U);
  block_->UpdateLimits({});
  EXPECT_EQ(Done(0), 1);
}

TEST_F(BlockLimitsTest, BeginsWithACacheAndLetsTheDriverTurnItOff) {
  Make({});
  EXPECT_TRUE(Writeback());
  Offer(0, 1);
  EXPECT_EQ(backend_->stable_writes(), 0U);
  SetWriteback(false);
  EXPECT_FALSE(Writeback());
  Offer(0, 1);
  EXPECT_EQ(backend_->stable_writes(), 1U);
  SetWriteback(true);
  Offer(0, 1);
  EXPECT_EQ(backend_->stable_writes(), 1U);
}

TEST_F(BlockLimitsTest, ForgetsTheCacheModeOnReset) {
  Make({});
  SetWriteback(false);
  block_->Reset();
  Activate(kAllFeatures);
  EXPECT_TRUE(Writeback());
}

// 5.2.5.2
TEST_F(BlockLimitsTest, BeginsWithoutACacheForADriverThatCannotFlush) {
  Make({}, kAllFeatures & ~kBlockFeatureFlush);
  EXPECT_FALSE(Writeback());
  Offer(0, 1);
  EXPECT_EQ(backend_->stable_writes(), 1U);
}

TEST_F(BlockLimitsTest, TheCacheModeIsForWhoNegotiatedIt) {
  Make({}, kAllFeatures & ~kBlockFeatureConfigWriteback);
  SetWriteback(false);
  Offer(0, 1);
  EXPECT_EQ(backend_->stable_writes(), 0U);
}

TEST_F(BlockLimitsTest, TellsTheDriverOfANewSize) {
  Make({});
  EXPECT_EQ(block_->RefreshCapacity().value(), kDiskSectors * kSectorSize);
  EXPECT_EQ(host_.config_changes, 0U);
  backend_->ResizeTo(2 * kDiskSectors * kSectorSize);
  EXPECT_EQ(block_->RefreshCapacity().value(), 2 * kDiskSectors * kSectorSize);
  EXPECT_EQ(block_->capacity(), 2 * kDiskSectors * kSectorSize);
  EXPECT_EQ(host_.config_changes, 1U);
  uint64_t sectors = 0;
  block_->ReadConfig(0, std::as_writable_bytes(std::span(&sectors, 1)));
  EXPECT_EQ(sectors, 2 * kDiskSectors);
}

TEST_F(BlockLimitsTest, CanBeResizedWithoutADriver) {
  Make({});
  block_->Reset();
  backend_->ResizeTo(kSectorSize);
  EXPECT_TRUE(block_->RefreshCapacity().ok());
  EXPECT_EQ(host_.config_changes, 0U);
}

// A held write would make a file grow again that somebody has made smaller.
TEST_F(BlockLimitsTest, DoesNotDoWhatLiesBehindTheEndOfADiskThatShrankMeanwhile) {
  Make(OperationsOnly(1));
  Offer(0, 2);
  ASSERT_EQ(Done(0), 1);
  const BlockRequestHeader header = {.type = static_cast<uint32_t>(BlockRequestType::kOut),
                                     .reserved = 0,
                                     .sector = kDiskSectors - 1};
  ASSERT_TRUE(memory_.Store(kHeader, header).ok());
  rings_[1].Offer(0, {{kHeader, sizeof header}, {kData, kSectorSize}, {kStatus, 1, true}});
  block_->OnKick(1);
  backend_->ResizeTo((kDiskSectors - 1) * kSectorSize);
  ASSERT_TRUE(block_->RefreshCapacity().ok());
  block_->UpdateLimits({});
  EXPECT_EQ(Done(0), 2) << "what lies within is done";
  EXPECT_EQ(Done(1), 1);
  EXPECT_EQ(memory_.Load<uint8_t>(kStatus).value(), static_cast<uint8_t>(BlockStatus::kIoError));
  EXPECT_EQ(block_->counters().errors, 1U);
}

TEST_F(BlockLimitsTest, EndsARequestOfManySegmentsWhenAllAreDone) {
  Make({}, kAllFeatures, MemoryBackend::Completion::kLater);
  const std::array<BlockSegment, 3> segments = {{{.sector = 1, .sectors = 2, .flags = 0},
                                                 {.sector = 8, .sectors = 1, .flags = 0},
                                                 {.sector = 20, .sectors = 4, .flags = 0}}};
  ASSERT_TRUE(memory_.Write(kData, std::as_bytes(std::span(segments))).ok());
  const BlockRequestHeader header = {
      .type = static_cast<uint32_t>(BlockRequestType::kDiscard), .reserved = 0, .sector = 0};
  ASSERT_TRUE(memory_.Store(kHeader, header).ok());
  std::ranges::fill(backend_->bytes(), std::byte{1});
  rings_[0].Offer(0, {{kHeader, sizeof header},
                      {kData, static_cast<uint32_t>(sizeof segments)},
                      {kStatus, 1, true}});
  block_->OnKick(0);
  ASSERT_EQ(backend_->waiting(), 3U);
  backend_->CompleteNewest();
  backend_->FailWith(EIO);
  backend_->CompleteNewest();
  backend_->FailWith(0);
  EXPECT_EQ(Done(0), 0);
  backend_->CompleteNewest();
  EXPECT_EQ(Done(0), 1);
  EXPECT_EQ(memory_.Load<uint8_t>(kStatus).value(), static_cast<uint8_t>(BlockStatus::kIoError));
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("discarding 512 bytes at offset 4096")));
  EXPECT_EQ(backend_->bytes()[20 * kSectorSize], MemoryBackend::kDiscarded);
  EXPECT_EQ(block_->counters().discards, 1U);
  EXPECT_EQ(block_->counters().errors, 1U);
}

TEST_F(BlockLimitsTest, WritesZeroesAsTheDriverWantsThem) {
  Make({});
  const BlockSegment segment = {.sector = 8, .sectors = 1, .flags = kBlockSegmentUnmap};
  ASSERT_TRUE(memory_.Store(kData, segment).ok());
  const BlockRequestHeader header = {
      .type = static_cast<uint32_t>(BlockRequestType::kWriteZeroes), .reserved = 0, .sector = 0};
  ASSERT_TRUE(memory_.Store(kHeader, header).ok());
  std::ranges::fill(backend_->bytes(), std::byte{1});
  for (const int error : {0, EIO}) {
    backend_->FailWith(error);
    rings_[0].Offer(0, {{kHeader, sizeof header}, {kData, sizeof segment}, {kStatus, 1, true}});
    block_->OnKick(0);
  }
  EXPECT_EQ(Done(0), 2);
  EXPECT_THAT(host_.reports, ElementsAre(HasSubstr("zeroing 512 bytes at offset 4096")));
  EXPECT_EQ(backend_->unmapping_zeroes(), 2U);
  EXPECT_EQ(backend_->bytes()[8 * kSectorSize], std::byte{0});
  EXPECT_EQ(block_->counters().write_zeroes, 2U);
}

}  // namespace
}  // namespace mayfly::virtio
