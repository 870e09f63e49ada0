// What a queue does with a driver that breaks the rules.

#include <array>
#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/testing/queue_fixture.h"

namespace mayfly::virtio {
namespace {

using ::testing::HasSubstr;

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

}  // namespace
}  // namespace mayfly::virtio
