#include "virtio/queue.h"

#include <array>
#include <atomic>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/features.h"
#include "virtio/testing/driver_ring.h"
#include "virtio/testing/guest_ram.h"

namespace mayfly::virtio {
namespace {

using ::testing::HasSubstr;

constexpr uint16_t kSize = 8;
constexpr uint64_t kRing = 0x1000;
constexpr uint64_t kData = 0x8000;
constexpr uint64_t kTable = 0x9000;
constexpr uint64_t kAllFeatures = kRingFeatures;
constexpr uint64_t kPlain = kFeatureVersion1;

class QueueTest : public ::testing::Test {
 protected:
  void Activate(uint64_t features) {
    ASSERT_TRUE(queue_.Activate(memory_, ring_.layout(), kSize, features).ok());
  }
  bool PopOne() {
    const absl::StatusOr<bool> popped = queue_.Pop(chain_);
    EXPECT_TRUE(popped.ok()) << popped.status();
    return popped.ok() && *popped;
  }
  // What Pop() says about a driver that broke the rules; afterwards the queue is dead and quiet.
  std::string BreakMessage() {
    const absl::Status status = queue_.Pop(chain_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_TRUE(queue_.broken());
    const absl::StatusOr<bool> again = queue_.Pop(chain_);
    EXPECT_TRUE(again.ok() && !*again);
    EXPECT_FALSE(queue_.Publish());
    EXPECT_TRUE(queue_.EnableNotifications());
    return {status.message().data(), status.message().size()};
  }
  std::string ActivateError(const QueueLayout& layout) {
    const absl::Status status = queue_.Activate(memory_, layout, kSize, kAllFeatures);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_FALSE(queue_.active());
    return {status.message().data(), status.message().size()};
  }
  [[nodiscard]] std::byte* Host(uint64_t address) const { return memory_.TryTranslate(address, 1); }

  const GuestMemory memory_ = MakeGuestRam();
  DriverRing ring_{memory_, kRing, kSize};
  Queue queue_;
  Chain chain_;
};

TEST_F(QueueTest, IsEmptyBeforeItIsActivated) {
  EXPECT_FALSE(queue_.active());
  EXPECT_FALSE(PopOne());
  queue_.Push(0, 0);
  EXPECT_FALSE(queue_.Publish());
  EXPECT_TRUE(queue_.EnableNotifications());
}

TEST_F(QueueTest, RefusesSizesThatAreNoPowerOfTwoOrTooLarge) {
  for (const uint32_t size : {0U, 3U, 16U, 0x10000U, 0x80000000U}) {
    QueueLayout layout = ring_.layout();
    layout.size = size;
    EXPECT_THAT(ActivateError(layout), HasSubstr("power of two from 1 to 8")) << size;
  }
}

TEST_F(QueueTest, RefusesMisalignedAreas) {
  QueueLayout layout = ring_.layout();
  layout.descriptors += 8;
  EXPECT_THAT(ActivateError(layout), HasSubstr("descriptor table"));
  layout = ring_.layout();
  layout.available += 1;
  EXPECT_THAT(ActivateError(layout), HasSubstr("available ring"));
  layout = ring_.layout();
  layout.used += 2;
  EXPECT_THAT(ActivateError(layout), HasSubstr("used ring"));
}

TEST_F(QueueTest, RefusesAreasThatAreNotRamOfOneRegion) {
  for (const uint64_t address : {kHole, kHole - 16, kRamEnd - 16, ~uint64_t{15}}) {
    QueueLayout layout = ring_.layout();
    layout.descriptors = address;
    EXPECT_THAT(ActivateError(layout), HasSubstr("not all RAM")) << address;
    layout = ring_.layout();
    layout.available = address;
    EXPECT_THAT(ActivateError(layout), HasSubstr("not all RAM")) << address;
    layout = ring_.layout();
    layout.used = address;
    EXPECT_THAT(ActivateError(layout), HasSubstr("not all RAM")) << address;
  }
}

TEST_F(QueueTest, AcceptsAreasThatEndWhereRamEnds) {
  QueueLayout layout = ring_.layout();
  layout.descriptors = kRamEnd - DescriptorTableSize(kSize);
  EXPECT_TRUE(queue_.Activate(memory_, layout, kSize, kAllFeatures).ok());
}

TEST_F(QueueTest, PopsAChainWithItsReadableAndWritableParts) {
  Activate(kAllFeatures);
  ring_.Offer(2, {{kData, 16}, {kData + 0x100, 32}, {kHighRam.address, 48, true}});
  ASSERT_TRUE(PopOne());
  EXPECT_EQ(chain_.head, 2);
  ASSERT_EQ(chain_.readable.pieces().size(), 2U);
  EXPECT_EQ(chain_.readable.pieces()[0].iov_base, Host(kData));
  EXPECT_EQ(chain_.readable.pieces()[1].iov_base, Host(kData + 0x100));
  EXPECT_EQ(chain_.readable.size(), 48U);
  ASSERT_EQ(chain_.writable.pieces().size(), 1U);
  EXPECT_EQ(chain_.writable.pieces()[0].iov_base, Host(kHighRam.address));
  EXPECT_EQ(chain_.writable.size(), 48U);
  EXPECT_FALSE(PopOne());
}

TEST_F(QueueTest, LeavesOutEmptyBuffersWhereverTheyPoint) {
  Activate(kAllFeatures);
  ring_.Offer(0, {{kHole, 0}, {kData, 4}, {~uint64_t{0}, 0, true}, {kData, 4, true}});
  ASSERT_TRUE(PopOne());
  EXPECT_EQ(chain_.readable.pieces().size(), 1U);
  EXPECT_EQ(chain_.writable.pieces().size(), 1U);
}

TEST_F(QueueTest, PopsAChainAsLongAsTheQueue) {
  Activate(kAllFeatures);
  ring_.Offer(0, {{kData, 1},
                  {kData, 1},
                  {kData, 1},
                  {kData, 1},
                  {kData, 1},
                  {kData, 1},
                  {kData, 1},
                  {kData, 1}});
  ASSERT_TRUE(PopOne());
  EXPECT_EQ(chain_.readable.size(), kSize);
}

TEST_F(QueueTest, FollowsAnIndirectTable) {
  Activate(kAllFeatures);
  ring_.OfferIndirect(3, kTable, {{kData, 16}, {kData + 16, 8, true}});
  ASSERT_TRUE(PopOne());
  EXPECT_EQ(chain_.head, 3);
  EXPECT_EQ(chain_.readable.size(), 16U);
  EXPECT_EQ(chain_.writable.size(), 8U);
}

TEST_F(QueueTest, FollowsAnIndirectTableAfterDirectDescriptorsAndIgnoresItsWriteFlag) {
  Activate(kAllFeatures);
  ring_.SetDescriptor(0, {.address = kData, .length = 4, .flags = kDescriptorNext, .next = 5});
  ring_.SetDescriptor(5, {.address = kTable + 1,  // tables need no alignment
                          .length = kDescriptorSize,
                          .flags = kDescriptorIndirect | kDescriptorWrite,
                          .next = 0});
  ring_.SetIndirect(kTable + 1, 0, {.address = kData, .length = 8, .flags = 0, .next = 0});
  ring_.MakeAvailable(0);
  ASSERT_TRUE(PopOne());
  EXPECT_EQ(chain_.readable.size(), 12U);
  EXPECT_EQ(chain_.writable.size(), 0U);
}

TEST_F(QueueTest, BreaksOnIndirectDescriptorsThatWereNotNegotiated) {
  Activate(kPlain);
  ring_.OfferIndirect(0, kTable, {{kData, 16}});
  EXPECT_THAT(BreakMessage(), HasSubstr("not negotiated"));
}

TEST_F(QueueTest, BreaksOnAnIndirectTableWithinAnother) {
  Activate(kAllFeatures);
  ring_.OfferIndirect(0, kTable, {{kData, 16}});
  ring_.SetIndirect(kTable, 0,
                    {.address = kTable, .length = 16, .flags = kDescriptorIndirect, .next = 0});
  EXPECT_THAT(BreakMessage(), HasSubstr("within an indirect table"));
}

TEST_F(QueueTest, BreaksOnAnIndirectDescriptorWithANextOne) {
  Activate(kAllFeatures);
  ring_.SetDescriptor(
      0,
      {.address = kTable, .length = 16, .flags = kDescriptorIndirect | kDescriptorNext, .next = 1});
  ring_.MakeAvailable(0);
  EXPECT_THAT(BreakMessage(), HasSubstr("has a next one"));
}

TEST_F(QueueTest, BreaksOnIndirectTablesOfOddLength) {
  for (const uint32_t length : {0U, 1U, 15U, 17U, 0xffffffffU}) {
    Activate(kAllFeatures);
    ring_.SetDescriptor(
        0, {.address = kTable, .length = length, .flags = kDescriptorIndirect, .next = 0});
    ring_.SetAvailableIndex(0);
    ring_.MakeAvailable(0);
    EXPECT_THAT(BreakMessage(), HasSubstr("no multiple of 16")) << length;
  }
}

TEST_F(QueueTest, BreaksOnAnIndirectTableThatIsNotRam) {
  for (const uint64_t address : {kHole, kHole - 16, ~uint64_t{0} - 15}) {
    Activate(kAllFeatures);
    ring_.SetDescriptor(
        0, {.address = address, .length = 32, .flags = kDescriptorIndirect, .next = 0});
    ring_.SetAvailableIndex(0);
    ring_.MakeAvailable(0);
    EXPECT_THAT(BreakMessage(), HasSubstr("not all RAM")) << address;
  }
}

TEST_F(QueueTest, BreaksOnALoop) {
  Activate(kAllFeatures);
  for (const uint16_t index : {uint16_t{0}, uint16_t{1}}) {
    ring_.SetDescriptor(index, {.address = kData,
                                .length = 1,
                                .flags = kDescriptorNext,
                                .next = static_cast<uint16_t>(1 - index)});
  }
  ring_.MakeAvailable(0);
  EXPECT_THAT(BreakMessage(), HasSubstr("a loop, or longer than the 8 entries"));
}

TEST_F(QueueTest, BreaksOnALoopOfEmptyBuffers) {
  Activate(kAllFeatures);
  ring_.SetDescriptor(0, {.address = 0, .length = 0, .flags = kDescriptorNext, .next = 0});
  ring_.MakeAvailable(0);
  EXPECT_THAT(BreakMessage(), HasSubstr("a loop"));
}

TEST_F(QueueTest, BreaksOnAnIndirectChainLongerThanTheQueue) {
  Activate(kAllFeatures);
  ring_.OfferIndirect(0, kTable,
                      {{kData, 1},
                       {kData, 1},
                       {kData, 1},
                       {kData, 1},
                       {kData, 1},
                       {kData, 1},
                       {kData, 1},
                       {kData, 1},
                       {kData, 1}});
  EXPECT_THAT(BreakMessage(), HasSubstr("longer than the 8 entries"));
}

TEST_F(QueueTest, BreaksOnAHeadOutOfRange) {
  Activate(kAllFeatures);
  ring_.MakeAvailable(kSize);
  EXPECT_THAT(BreakMessage(), HasSubstr("descriptor 8 does not exist"));
}

TEST_F(QueueTest, BreaksOnANextOutOfRange) {
  Activate(kAllFeatures);
  ring_.SetDescriptor(0, {.address = kData, .length = 1, .flags = kDescriptorNext, .next = 0xffff});
  ring_.MakeAvailable(0);
  EXPECT_THAT(BreakMessage(), HasSubstr("descriptor 65535 does not exist"));
}

TEST_F(QueueTest, BreaksOnANextBeyondAnIndirectTable) {
  Activate(kAllFeatures);
  ring_.OfferIndirect(0, kTable, {{kData, 1}});
  ring_.SetIndirect(kTable, 0,
                    {.address = kData, .length = 1, .flags = kDescriptorNext, .next = 1});
  EXPECT_THAT(BreakMessage(), HasSubstr("the indirect table has 1"));
}

TEST_F(QueueTest, BreaksOnBuffersThatAreNotRam) {
  for (const uint64_t address : {kHole, kHole - 1, kRamEnd, ~uint64_t{0}}) {
    for (const bool writable : {false, true}) {
      Activate(kAllFeatures);
      ring_.SetAvailableIndex(0);
      ring_.Offer(0, {{address, 2, writable}});
      EXPECT_THAT(BreakMessage(), HasSubstr("not all RAM")) << address;
    }
  }
}

TEST_F(QueueTest, BreaksOnALengthBeyondRam) {
  Activate(kAllFeatures);
  ring_.Offer(0, {{kData, 0xffffffff}});
  EXPECT_THAT(BreakMessage(), HasSubstr("4294967295 bytes at 0x8000"));
}

TEST_F(QueueTest, BreaksOnMoreBytesThanTheUsedLengthCanSay) {
  constexpr uint32_t kGiB = uint32_t{1} << 30;
  constexpr std::array kRanges = {GuestRange{.address = 0, .size = kGiB}};
  const GuestMemory large = GuestMemory::Create(kRanges, {}).value();
  DriverRing ring(large, kRing, kSize);
  ASSERT_TRUE(queue_.Activate(large, ring.layout(), kSize, kAllFeatures).ok());
  ring.Offer(0, {{0, kGiB}, {0, kGiB}, {0, kGiB}, {0, kGiB - 1}});
  EXPECT_TRUE(PopOne());
  ring.Offer(0, {{0, kGiB}, {0, kGiB}, {0, kGiB, true}, {0, kGiB, true}});
  EXPECT_THAT(BreakMessage(), HasSubstr("more than 4294967295 bytes"));
}

TEST_F(QueueTest, BreaksOnAReadableBufferAfterAWritableOne) {
  Activate(kAllFeatures);
  ring_.Offer(0, {{kData, 1, true}, {kData, 1}});
  EXPECT_THAT(BreakMessage(), HasSubstr("comes after"));
}

TEST_F(QueueTest, BreaksOnAnAvailableIndexThatJumps) {
  Activate(kAllFeatures);
  ring_.SetAvailableIndex(kSize + 1);
  EXPECT_THAT(BreakMessage(), HasSubstr("jumped from 0 to 9"));
}

TEST_F(QueueTest, BreaksOnAnAvailableIndexThatGoesBack) {
  Activate(kAllFeatures);
  ring_.SetAvailableIndex(0xffff);
  EXPECT_THAT(BreakMessage(), HasSubstr("jumped from 0 to 65535"));
}

TEST_F(QueueTest, BreaksOnMoreChainsInFlightThanDescriptors) {
  Activate(kAllFeatures);
  for (int i = 0; i < kSize; ++i) {
    ring_.Offer(0, {{kData, 1}});  // the same one, which was never given back
    ASSERT_TRUE(PopOne());
  }
  ring_.Offer(0, {{kData, 1}});
  EXPECT_THAT(BreakMessage(), HasSubstr("in flight"));
}

TEST_F(QueueTest, WorksAgainWhenActivatedAnew) {
  Activate(kAllFeatures);
  ring_.MakeAvailable(kSize);
  BreakMessage();
  ring_.SetAvailableIndex(0);
  Activate(kAllFeatures);
  ring_.Offer(0, {{kData, 1}});
  EXPECT_TRUE(PopOne());
}

TEST_F(QueueTest, PublishesABatchAtOnce) {
  Activate(kPlain);
  ring_.Offer(0, {{kData, 1}});
  ring_.Offer(1, {{kData, 1}});
  ASSERT_TRUE(PopOne());
  queue_.Push(chain_.head, 11);
  ASSERT_TRUE(PopOne());
  queue_.Push(chain_.head, 12);
  EXPECT_EQ(ring_.used_index(), 0);
  EXPECT_TRUE(queue_.Publish());
  EXPECT_EQ(ring_.used_index(), 2);
  EXPECT_EQ(ring_.used(0).id, 0U);
  EXPECT_EQ(ring_.used(0).length, 11U);
  EXPECT_EQ(ring_.used(1).id, 1U);
  EXPECT_EQ(ring_.used(1).length, 12U);
  EXPECT_FALSE(queue_.Publish()) << "nothing new";
}

TEST_F(QueueTest, GivesChainsBackInAnyOrder) {
  Activate(kPlain);
  ring_.Offer(0, {{kData, 1}});
  ring_.Offer(1, {{kData, 1}});
  ASSERT_TRUE(PopOne());
  ASSERT_TRUE(PopOne());
  queue_.Push(1, 0);
  queue_.Push(0, 0);
  EXPECT_TRUE(queue_.Publish());
  EXPECT_EQ(ring_.used(0).id, 1U);
  EXPECT_EQ(ring_.used(1).id, 0U);
}

TEST_F(QueueTest, KeepsTheInterruptBackWhereTheDriverSaysSo) {
  Activate(kPlain);
  ring_.SetAvailableFlags(kAvailableNoInterrupt);
  ring_.Offer(0, {{kData, 1}});
  ASSERT_TRUE(PopOne());
  queue_.Push(0, 0);
  EXPECT_FALSE(queue_.Publish());
  EXPECT_EQ(ring_.used_index(), 1);
}

TEST_F(QueueTest, InterruptsWhenTheUsedEventIsPassed) {
  Activate(kAllFeatures);
  ring_.SetAvailableFlags(kAvailableNoInterrupt);  // means nothing with EVENT_IDX
  ring_.SetUsedEvent(2);                           // when the third is used
  for (int i = 0; i < 5; ++i) {
    ring_.Offer(0, {{kData, 1}});
    ASSERT_TRUE(PopOne());
    queue_.Push(0, 0);
    EXPECT_EQ(queue_.Publish(), i == 2) << i;
  }
}

TEST_F(QueueTest, InterruptsWhenABatchPassesTheUsedEvent) {
  Activate(kAllFeatures);
  ring_.SetUsedEvent(1);
  for (int i = 0; i < 4; ++i) {
    ring_.Offer(0, {{kData, 1}});
    ASSERT_TRUE(PopOne());
    queue_.Push(0, 0);
  }
  EXPECT_TRUE(queue_.Publish());
}

TEST_F(QueueTest, GoesOnWhenTheIndicesWrap) {
  Activate(kAllFeatures);
  for (unsigned i = 0; i < 0x10000 + kSize; ++i) {
    ring_.SetUsedEvent(static_cast<uint16_t>(i));
    ring_.Offer(static_cast<uint16_t>(i % kSize), {{kData, 1}});
    ASSERT_TRUE(PopOne());
    queue_.Push(chain_.head, i);
    ASSERT_TRUE(queue_.Publish()) << i;
    ASSERT_EQ(ring_.used(static_cast<uint16_t>(i)).length, i);
  }
  EXPECT_EQ(ring_.used_index(), kSize);
}

TEST_F(QueueTest, AsksForKicksByFlag) {
  Activate(kPlain);
  queue_.DisableNotifications();
  EXPECT_EQ(ring_.used_flags(), kUsedNoNotify);
  EXPECT_TRUE(queue_.EnableNotifications());
  EXPECT_EQ(ring_.used_flags(), 0);
}

TEST_F(QueueTest, AsksForKicksByEvent) {
  Activate(kAllFeatures);
  ring_.Offer(0, {{kData, 1}});
  ASSERT_TRUE(PopOne());
  queue_.DisableNotifications();
  EXPECT_EQ(ring_.available_event(), 0);
  EXPECT_TRUE(queue_.EnableNotifications());
  EXPECT_EQ(ring_.available_event(), 1);
  EXPECT_EQ(ring_.used_flags(), 0);
}

TEST_F(QueueTest, SaysWhenAChainCameBeforeTheKicksWereAskedFor) {
  for (const uint64_t features : {kPlain, kAllFeatures}) {
    ring_.SetAvailableIndex(0);
    Activate(features);
    queue_.DisableNotifications();
    EXPECT_FALSE(PopOne());
    ring_.Offer(0, {{kData, 1}});
    EXPECT_FALSE(queue_.EnableNotifications());
    EXPECT_TRUE(PopOne());
  }
}

// A second vCPU rewrites a descriptor as fast as it can: what is popped is one of the two versions,
// never a mixture of a checked address and an unchecked length.
TEST_F(QueueTest, CopesWithADescriptorThatChangesMeanwhile) {
  constexpr RingDescriptor kGood = {.address = kData, .length = 16};
  constexpr RingDescriptor kBad = {.address = kHole, .length = 0xfffffff0};
  std::atomic<bool> stop = false;
  std::thread attacker([&] {
    while (!stop.load()) {
      ring_.SetDescriptor(0, kBad);
      ring_.SetDescriptor(0, kGood);
    }
  });
  for (int i = 0; i < 20000; ++i) {
    ring_.SetAvailableIndex(0);
    ASSERT_TRUE(queue_.Activate(memory_, ring_.layout(), kSize, kAllFeatures).ok());
    ring_.MakeAvailable(0);
    const absl::StatusOr<bool> popped = queue_.Pop(chain_);
    if (!popped.ok()) continue;
    for (const iovec& piece : chain_.readable.pieces()) {
      EXPECT_EQ(piece.iov_base, Host(kData));
      EXPECT_EQ(piece.iov_len, kGood.length);
    }
  }
  stop = true;
  attacker.join();
}

// Driver and device on two threads, sleeping whenever the other need not be woken: neither misses
// the other.
TEST_F(QueueTest, LosesNoKickAndNoInterrupt) {
  constexpr int kRequests = 20000;
  for (const uint64_t features : {kPlain, kAllFeatures}) {
    ring_.Clear();
    Activate(features);
    std::atomic<int> kicks = 0;
    std::atomic<int> interrupts = 0;
    std::thread device([&] {
      int served = 0;
      while (served < kRequests) {
        kicks.wait(0);
        kicks = 0;
        do {
          queue_.DisableNotifications();
          while (PopOne()) {
            queue_.Push(chain_.head, 0);
            ++served;
          }
          if (queue_.Publish()) {
            ++interrupts;
            interrupts.notify_one();
          }
        } while (!queue_.EnableNotifications());
      }
    });
    for (int i = 0; i < kRequests; ++i) {
      ring_.SetUsedEvent(static_cast<uint16_t>(i));
      ring_.Offer(static_cast<uint16_t>(i % kSize), {{kData, 1}});
      std::atomic_thread_fence(std::memory_order_seq_cst);
      const bool kick = features == kPlain ? ring_.used_flags() == 0
                                           : ring_.available_event() == static_cast<uint16_t>(i);
      if (kick) {
        ++kicks;
        kicks.notify_one();
      }
      interrupts.wait(0);
      interrupts = 0;
    }
    device.join();
    EXPECT_EQ(ring_.used_index(), static_cast<uint16_t>(kRequests));
  }
}

}  // namespace
}  // namespace mayfly::virtio
