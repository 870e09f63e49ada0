// How much a disk's driver can make the io thread, and the backend, do at a time.

#include <array>
#include <memory>
#include <utility>
#include <vector>

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
using ::testing::IsEmpty;

constexpr size_t kQueues = 3;
constexpr uint64_t kRings = 0x1000;
constexpr uint64_t kRingStride = 0x2000;
constexpr uint64_t kHeaders = 0x8000;  // one for each type
constexpr uint64_t kStatus = 0x8800;
constexpr uint64_t kSegments = 0x9000;
// Bytes of a request: all of a region of memory.
constexpr uint64_t kRequest = kHighRam.size;
constexpr uint16_t kRequestsOfATurn = Block::kTurnBytes / kRequest;
constexpr uint16_t kRequestsInFlight = Block::kMaxInFlightBytes / kRequest;
constexpr uint64_t kFeatures =
    kRingFeatures | kBlockFeatureFlush | kBlockFeatureDiscard | kBlockFeatureMultiQueue;
// So few that in the time of a test no more are admitted than the burst.
constexpr RateLimits kOneOperation = {.operations = {.per_second = 1, .burst = 1}, .bytes = {}};
constexpr RateLimits kOneByte = {.operations = {}, .bytes = {.per_second = 1, .burst = 1}};

class BlockTurnsTest : public ::testing::Test {
 protected:
  void Make(MemoryBackend::Completion completion) {
    auto backend = std::make_unique<MemoryBackend>(kRequest, BlockAccess::kReadWrite, completion);
    backend_ = backend.get();
    block_ =
        Block::Create(std::move(backend), {.serial = "serial-0", .queues = kQueues}, *io_).value();
    Activate();
  }
  void Activate() {
    for (size_t i = 0; i < kQueues; ++i) {
      rings_[i].Clear();
      ASSERT_TRUE(
          queues_[i].Activate(memory_, rings_[i].layout(), Block::kQueueSize, kFeatures).ok());
    }
    block_->Activate(kFeatures, queues_, host_);
  }
  // As many reads of kRequest bytes, flushes, or discards of as many segments as there can be.
  void Offer(uint16_t queue, BlockRequestType type, uint16_t requests) {
    const BlockRequestHeader header = {
        .type = static_cast<uint32_t>(type), .reserved = 0, .sector = 0};
    const uint64_t at = kHeaders + header.type * sizeof header;
    ASSERT_TRUE(memory_.Store(at, header).ok());
    const std::vector<BlockSegment> segments(BlockConfigSpace::kMaxDiscardSegments,
                                             {.sector = 8, .sectors = 8, .flags = 0});
    ASSERT_TRUE(memory_.Write(kSegments, std::as_bytes(std::span(segments))).ok());
    DriverBuffer data = {kHighRam.address, static_cast<uint32_t>(kRequest), true};
    if (type == BlockRequestType::kFlush) data.length = 0;
    if (type == BlockRequestType::kDiscard) {
      data = {kSegments, static_cast<uint32_t>(segments.size() * sizeof(BlockSegment))};
    }
    for (uint16_t i = 0; i < requests; ++i) {
      rings_[queue].Offer(0, {{at, sizeof header}, data, {kStatus, 1, true}});
    }
  }
  void OfferReads(uint16_t requests) { Offer(0, BlockRequestType::kIn, requests); }
  // Kicks as the transport does, as often as the device asks for it.
  void KickAgain() {
    ASSERT_THAT(host_.kicked_again, ElementsAre(0));
    ServeKicks();
  }
  void ServeKicks() {
    for (const uint16_t queue : std::exchange(host_.kicked_again, {})) block_->OnKick(queue);
  }
  void ServeAllKicks() {
    while (!host_.kicked_again.empty()) ServeKicks();
  }
  void CompleteOne() {
    backend_->CompleteNewest();
    ASSERT_THAT(host_.kicked_again, ElementsAre(0, 1, 2));
    ServeKicks();
  }
  // Lets one request go that a limit holds: one that was not there before begins full.
  void AdmitOneMore() {
    bytes_limited_ = !bytes_limited_;
    block_->UpdateLimits(bytes_limited_ ? kOneByte : kOneOperation);
  }
  void StopWhenDone(size_t queue, uint16_t count) {
    if (Done(queue) == count) {
      io_->Stop();
    } else {
      io_->Post([this, queue, count] { StopWhenDone(queue, count); });
    }
  }
  [[nodiscard]] uint16_t Done(size_t queue) const { return rings_[queue].used_index(); }

  const std::unique_ptr<EventLoop> io_ = EventLoop::Create().value();
  const GuestMemory memory_ = MakeGuestRam();
  std::array<DriverRing, kQueues> rings_ = {
      DriverRing(memory_, kRings, Block::kQueueSize),
      DriverRing(memory_, kRings + kRingStride, Block::kQueueSize),
      DriverRing(memory_, kRings + 2 * kRingStride, Block::kQueueSize)};
  std::array<Queue, kQueues> queues_;
  FakeHost host_;
  bool bytes_limited_ = false;
  MemoryBackend* backend_ = nullptr;
  std::unique_ptr<Block> block_;
};

TEST_F(BlockTurnsTest, ATurnEndsWithItsBytes) {
  Make(MemoryBackend::Completion::kInline);
  OfferReads(kRequestsOfATurn + 1);
  block_->OnKick(0);
  EXPECT_EQ(Done(0), kRequestsOfATurn);
  KickAgain();
  EXPECT_EQ(Done(0), kRequestsOfATurn + 1);
  EXPECT_THAT(host_.kicked_again, IsEmpty());
}

TEST_F(BlockTurnsTest, ABackendIsGivenSoManyBytesAtATime) {
  Make(MemoryBackend::Completion::kLater);
  OfferReads(kRequestsInFlight + 2);
  block_->OnKick(0);
  while (!host_.kicked_again.empty()) KickAgain();
  EXPECT_THAT(backend_->waiting(), kRequestsInFlight);
  block_->OnKick(0);
  EXPECT_THAT(host_.kicked_again, IsEmpty()) << "it would spin until the backend is done";

  CompleteOne();
  EXPECT_EQ(backend_->waiting(), kRequestsInFlight);
  CompleteOne();
  while (backend_->waiting() != 0) backend_->CompleteNewest();
  EXPECT_EQ(Done(0), kRequestsInFlight + 2);
}

// They move nothing, and a reset waits for them all the same.
TEST_F(BlockTurnsTest, DiscardsAreWork) {
  Make(MemoryBackend::Completion::kLater);
  Offer(0, BlockRequestType::kDiscard, 3);
  block_->OnKick(0);
  KickAgain();
  EXPECT_EQ(backend_->waiting(), size_t{BlockConfigSpace::kMaxDiscardSegments});
  EXPECT_THAT(host_.kicked_again, IsEmpty());
  while (backend_->waiting() != 0) {
    backend_->CompleteNewest();
    ServeAllKicks();
  }
  EXPECT_EQ(Done(0), 3);
}

TEST_F(BlockTurnsTest, AResetForgetsThatTheBackendWasFull) {
  Make(MemoryBackend::Completion::kLater);
  OfferReads(kRequestsInFlight + 1);
  block_->OnKick(0);
  while (!host_.kicked_again.empty()) KickAgain();
  block_->Reset();
  EXPECT_EQ(backend_->waiting(), 0U);

  Activate();
  OfferReads(1);
  block_->OnKick(0);
  EXPECT_THAT(host_.kicked_again, IsEmpty());
  EXPECT_EQ(backend_->waiting(), 1U);
  block_->Reset();
}

// Queue 0 fills the backend while a limit holds a flush of queue 1, which would empty it again.
TEST_F(BlockTurnsTest, HeldRequestsAndQueuesThatWereLeftGoOnWhenTheBackendHasRoom) {
  Make(MemoryBackend::Completion::kLaterButFlushes);
  OfferReads(kRequestsInFlight - 2);
  block_->OnKick(0);
  ServeAllKicks();
  block_->UpdateLimits(kOneOperation);
  Offer(2, BlockRequestType::kIn, 1);
  block_->OnKick(2);
  OfferReads(2);
  block_->OnKick(0);
  Offer(1, BlockRequestType::kFlush, 1);
  block_->OnKick(1);
  ASSERT_EQ(backend_->waiting(), size_t{kRequestsInFlight - 1});
  ASSERT_EQ(block_->counters().throttled, 2U) << "of queues 0 and 1";
  AdmitOneMore();
  ASSERT_EQ(backend_->waiting(), kRequestsInFlight);
  AdmitOneMore();
  EXPECT_EQ(backend_->waiting(), kRequestsInFlight) << "what was held has to wait, too";

  CompleteOne();
  io_->Post([this] { StopWhenDone(1, 1); });
  io_->Run();
  block_->UpdateLimits({});
  ServeAllKicks();
  while (backend_->waiting() != 0) backend_->CompleteNewest();
  EXPECT_EQ(Done(0), kRequestsInFlight);
}

}  // namespace
}  // namespace mayfly::virtio
