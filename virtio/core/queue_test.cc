#include "virtio/core/queue.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "virtio/testing/queue_fixture.h"

namespace mayfly::virtio {
namespace {

TEST_F(QueueTest, IsEmptyBeforeItIsActivated) {
  EXPECT_FALSE(queue_.active());
  EXPECT_FALSE(PopOne());
  queue_.Push(0, 0);
  EXPECT_FALSE(queue_.Publish());
  EXPECT_TRUE(queue_.EnableNotifications());
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
