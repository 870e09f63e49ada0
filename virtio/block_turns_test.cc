// How much a disk's driver can make the io thread, and the backend, do at a time.

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block.h"
#include "virtio/testing/driver_ring.h"
#include "virtio/testing/fake_host.h"
#include "virtio/testing/guest_ram.h"
#include "virtio/testing/memory_backend.h"

namespace mayfly::virtio {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kRing = 0x1000;
constexpr uint64_t kHeader = 0x8000;
constexpr uint64_t kStatus = 0x8800;
// Bytes of a request: all of a region of memory.
constexpr uint64_t kRequest = kHighRam.size;
constexpr uint16_t kRequestsOfATurn = Block::kTurnBytes / kRequest;
constexpr uint16_t kRequestsInFlight = Block::kMaxInFlightBytes / kRequest;

class BlockTurnsTest : public ::testing::Test {
 protected:
  void Make(MemoryBackend::Completion completion) {
    auto backend = std::make_unique<MemoryBackend>(kRequest, BlockAccess::kReadWrite, completion);
    backend_ = backend.get();
    block_ = Block::Create(std::move(backend), {.serial = "serial-0"}, *io_).value();
    ASSERT_TRUE(queue_.Activate(memory_, ring_.layout(), Block::kQueueSize, kRingFeatures).ok());
    block_->Activate(kRingFeatures, std::span(&queue_, 1), host_);
  }
  // As many reads of kRequest bytes.
  void Offer(uint16_t requests) {
    const BlockRequestHeader header = {
        .type = static_cast<uint32_t>(BlockRequestType::kIn), .reserved = 0, .sector = 0};
    ASSERT_TRUE(memory_.Store(kHeader, header).ok());
    for (uint16_t i = 0; i < requests; ++i) {
      ring_.Offer(0, {{kHeader, sizeof header},
                      {kHighRam.address, static_cast<uint32_t>(kRequest), true},
                      {kStatus, 1, true}});
    }
  }
  // Kicks as the transport does, as often as the device asks for it.
  void KickAgain() {
    ASSERT_THAT(host_.kicked_again, ElementsAre(0));
    host_.kicked_again.clear();
    block_->OnKick(0);
  }

  const std::unique_ptr<EventLoop> io_ = EventLoop::Create().value();
  const GuestMemory memory_ = MakeGuestRam();
  DriverRing ring_{memory_, kRing, Block::kQueueSize};
  Queue queue_;
  FakeHost host_;
  MemoryBackend* backend_ = nullptr;
  std::unique_ptr<Block> block_;
};

TEST_F(BlockTurnsTest, ATurnEndsWithItsBytes) {
  Make(MemoryBackend::Completion::kInline);
  Offer(kRequestsOfATurn + 1);
  block_->OnKick(0);
  EXPECT_EQ(ring_.used_index(), kRequestsOfATurn);
  KickAgain();
  EXPECT_EQ(ring_.used_index(), kRequestsOfATurn + 1);
  EXPECT_THAT(host_.kicked_again, IsEmpty());
}

TEST_F(BlockTurnsTest, ABackendIsGivenSoManyBytesAtATime) {
  Make(MemoryBackend::Completion::kLater);
  Offer(kRequestsInFlight + 2);
  block_->OnKick(0);
  while (!host_.kicked_again.empty()) KickAgain();
  EXPECT_THAT(backend_->waiting(), kRequestsInFlight);
  block_->OnKick(0);
  EXPECT_THAT(host_.kicked_again, IsEmpty()) << "it would spin until the backend is done";

  backend_->CompleteNewest();
  KickAgain();
  EXPECT_EQ(backend_->waiting(), kRequestsInFlight);
  backend_->CompleteNewest();
  KickAgain();
  while (backend_->waiting() != 0) backend_->CompleteNewest();
  EXPECT_EQ(ring_.used_index(), kRequestsInFlight + 2);
}

TEST_F(BlockTurnsTest, AResetForgetsThatTheBackendWasFull) {
  Make(MemoryBackend::Completion::kLater);
  Offer(kRequestsInFlight + 1);
  block_->OnKick(0);
  while (!host_.kicked_again.empty()) KickAgain();
  block_->Reset();
  EXPECT_EQ(backend_->waiting(), 0U);

  ring_.Clear();
  ASSERT_TRUE(queue_.Activate(memory_, ring_.layout(), Block::kQueueSize, kRingFeatures).ok());
  block_->Activate(kRingFeatures, std::span(&queue_, 1), host_);
  Offer(1);
  block_->OnKick(0);
  EXPECT_THAT(host_.kicked_again, IsEmpty());
  EXPECT_EQ(backend_->waiting(), 1U);
  block_->Reset();
}

}  // namespace
}  // namespace mayfly::virtio
