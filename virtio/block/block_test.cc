#include "virtio/block/block.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/testing/memory_backend.h"
#include "virtio/testing/driver_ring.h"
#include "virtio/testing/fake_host.h"
#include "virtio/testing/guest_ram.h"

namespace mayfly::virtio {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint16_t kRingSize = 16;
constexpr uint64_t kRing = 0x1000;
constexpr uint64_t kHeader = 0x8000;
constexpr uint64_t kStatus = 0x8800;
constexpr uint64_t kData = 0x9000;
constexpr uint32_t kHeaderSize = sizeof(BlockRequestHeader);
constexpr uint64_t kDiskSectors = 64;
constexpr uint64_t kAllFeatures = kRingFeatures | kBlockFeatureFlush | kBlockFeatureDiscard |
                                  kBlockFeatureWriteZeroes | kBlockFeatureMultiQueue;
constexpr std::byte kUntouched{0xee};

class BlockTest : public ::testing::Test {
 protected:
  BlockTest() { Make(BlockAccess::kReadWrite, MemoryBackend::Completion::kInline); }

  void Make(BlockAccess access, MemoryBackend::Completion completion,
            uint64_t features = kAllFeatures) {
    auto backend = std::make_unique<MemoryBackend>(kDiskSectors * kSectorSize, access, completion);
    backend_ = backend.get();
    for (size_t i = 0; i < backend->bytes().size(); ++i) {
      backend->bytes()[i] = static_cast<std::byte>(i / kSectorSize + 1);
    }
    block_ = Block::Create(std::move(backend), {.serial = "serial-0"}, *io_).value();
    Activate(features);
  }
  void Activate(uint64_t features) {
    ring_.Clear();
    EXPECT_TRUE(memory_.Fill(kStatus, 1, kUntouched).ok());
    EXPECT_TRUE(queue_.Activate(memory_, ring_.layout(), Block::kQueueSize, features).ok());
    block_->Activate(features, std::span(&queue_, 1), host_);
  }
  void SetHeader(BlockRequestType type, uint64_t sector) const {
    const BlockRequestHeader header = {
        .type = static_cast<uint32_t>(type), .reserved = 0, .sector = sector};
    ASSERT_TRUE(memory_.Store(kHeader, header).ok());
  }
  void Read(uint64_t sector, uint32_t bytes) {
    SetHeader(BlockRequestType::kIn, sector);
    ring_.Offer(0, {{kHeader, kHeaderSize}, {kData, bytes, true}, {kStatus, 1, true}});
    block_->OnKick(0);
  }
  void Write(uint64_t sector, uint32_t bytes) {
    SetHeader(BlockRequestType::kOut, sector);
    ring_.Offer(0, {{kHeader, kHeaderSize}, {kData, bytes}, {kStatus, 1, true}});
    block_->OnKick(0);
  }
  void Flush() {
    SetHeader(BlockRequestType::kFlush, 0);
    ring_.Offer(0, {{kHeader, kHeaderSize}, {kStatus, 1, true}});
    block_->OnKick(0);
  }
  [[nodiscard]] BlockStatus status() const {
    return static_cast<BlockStatus>(memory_.Load<uint8_t>(kStatus).value());
  }
  [[nodiscard]] std::byte DataAt(uint64_t offset) const {
    return memory_.Load<std::byte>(kData + offset).value();
  }
  // Bytes that the newest used element says were written.
  [[nodiscard]] uint32_t written() const {
    return ring_.used(static_cast<uint16_t>(ring_.used_index() - 1)).length;
  }
  [[nodiscard]] BlockConfig Config() const {
    BlockConfig config;
    block_->ReadConfig(0, std::as_writable_bytes(std::span(&config, 1)));
    return config;
  }

  const std::unique_ptr<EventLoop> io_ = EventLoop::Create().value();
  const GuestMemory memory_ = MakeGuestRam();
  DriverRing ring_{memory_, kRing, kRingSize};
  Queue queue_;
  FakeHost host_;
  MemoryBackend* backend_ = nullptr;
  std::unique_ptr<Block> block_;
};

TEST_F(BlockTest, DescribesTheDisk) {
  const BlockConfig config = Config();
  EXPECT_EQ(config.capacity, kDiskSectors);
  EXPECT_EQ(config.seg_max, Block::kQueueSize - 2U);
  EXPECT_EQ(config.block_size, kSectorSize);
  EXPECT_EQ(config.topology.physical_block_exponent, 3);
  EXPECT_EQ(config.topology.min_io_size, 8);
  EXPECT_EQ(config.queues, 1);
  EXPECT_EQ(config.writeback, 1);
  EXPECT_EQ(config.discard_sector_alignment, 8U);
  EXPECT_EQ(config.max_discard_sectors, BlockConfigSpace::kMaxDiscardSectors);
  EXPECT_EQ(config.max_discard_segments, BlockConfigSpace::kMaxDiscardSegments);
  EXPECT_EQ(config.max_write_zeroes_sectors, BlockConfigSpace::kMaxZeroSectors);
  EXPECT_EQ(config.max_write_zeroes_segments, BlockConfigSpace::kMaxZeroSegments);
  EXPECT_EQ(config.write_zeroes_may_unmap, 1);
  EXPECT_THAT(block_->queue_max_sizes(), ElementsAre(Block::kQueueSize));
}

TEST_F(BlockTest, OffersReadOnlyOnlyWhereItIs) {
  constexpr uint64_t kChanging = kBlockFeatureDiscard | kBlockFeatureWriteZeroes;
  EXPECT_EQ(block_->features() & (kBlockFeatureReadOnly | kChanging), kChanging);
  Make(BlockAccess::kReadOnly, MemoryBackend::Completion::kInline);
  EXPECT_EQ(block_->features() & (kBlockFeatureReadOnly | kChanging), kBlockFeatureReadOnly);
}

TEST_F(BlockTest, ConfigurationEndsWhereItEnds) {
  std::array<std::byte, 8> out{};
  out.fill(kUntouched);
  block_->ReadConfig(kBlockConfigSize - 4, out);
  EXPECT_EQ(out[3], std::byte{0});
  EXPECT_EQ(out[4], kUntouched);
  out.fill(kUntouched);
  block_->ReadConfig(kBlockConfigSize, out);
  block_->ReadConfig(std::numeric_limits<uint64_t>::max(), out);
  EXPECT_EQ(out[0], kUntouched);
}

TEST_F(BlockTest, Reads) {
  Read(5, 2 * kSectorSize);
  EXPECT_EQ(status(), BlockStatus::kOk);
  EXPECT_EQ(written(), 2 * kSectorSize + 1);
  EXPECT_EQ(DataAt(0), std::byte{6});
  EXPECT_EQ(DataAt(2 * kSectorSize - 1), std::byte{7});
  EXPECT_EQ(host_.queue_interrupts, 1U);
}

TEST_F(BlockTest, Writes) {
  ASSERT_TRUE(memory_.Fill(kData, kSectorSize, std::byte{0x77}).ok());
  Write(kDiskSectors - 1, kSectorSize);
  EXPECT_EQ(status(), BlockStatus::kOk);
  EXPECT_EQ(written(), 1U);
  EXPECT_EQ(backend_->bytes().back(), std::byte{0x77});
  EXPECT_EQ(backend_->stable_writes(), 0U);
}

TEST_F(BlockTest, WritesAreStableForADriverThatCannotFlush) {
  Make(BlockAccess::kReadWrite, MemoryBackend::Completion::kInline, kRingFeatures);
  Write(0, kSectorSize);
  EXPECT_EQ(status(), BlockStatus::kOk);
  EXPECT_EQ(backend_->stable_writes(), 1U);
}

TEST_F(BlockTest, Flushes) {
  Flush();
  EXPECT_EQ(status(), BlockStatus::kOk);
  EXPECT_EQ(written(), 1U);
  EXPECT_EQ(backend_->flushes(), 1U);
}

TEST_F(BlockTest, AnswersItsId) {
  SetHeader(BlockRequestType::kGetId, 0);
  ASSERT_TRUE(memory_.Fill(kData, 32, kUntouched).ok());
  ring_.Offer(0, {{kHeader, kHeaderSize}, {kData, kBlockIdSize, true}, {kStatus, 1, true}});
  block_->OnKick(0);
  EXPECT_EQ(status(), BlockStatus::kOk);
  EXPECT_EQ(written(), kBlockIdSize + 1);
  const auto id = memory_.Load<std::array<char, kBlockIdSize>>(kData).value();
  EXPECT_EQ(std::string(id.data()), "serial-0");
  EXPECT_EQ(id.back(), '\0');
}

TEST_F(BlockTest, AnswersItsIdNoFurtherThanThereIsRoom) {
  SetHeader(BlockRequestType::kGetId, 0);
  ASSERT_TRUE(memory_.Fill(kData, 32, kUntouched).ok());
  ring_.Offer(0, {{kHeader, kHeaderSize}, {kData, 3, true}, {kStatus, 1, true}});
  block_->OnKick(0);
  EXPECT_EQ(written(), 4U);
  EXPECT_EQ(DataAt(2), std::byte{'r'});
  EXPECT_EQ(DataAt(3), kUntouched);
}

TEST_F(BlockTest, AnswersItsIdIntoMoreRoomWithoutClaimingAllOfIt) {
  SetHeader(BlockRequestType::kGetId, 0);
  ring_.Offer(0, {{kHeader, kHeaderSize}, {kData, 512, true}, {kStatus, 1, true}});
  block_->OnKick(0);
  EXPECT_EQ(status(), BlockStatus::kOk);
  EXPECT_EQ(written(), kBlockIdSize);
}

TEST_F(BlockTest, CannotDoWhatItDoesNotKnow) {
  for (const uint32_t type : {2U, 3U, 9U, 10U, 12U, 14U, 0x80000000U, 0xffffffffU}) {
    SetHeader(static_cast<BlockRequestType>(type), 0);
    ring_.Offer(0, {{kHeader, kHeaderSize}, {kStatus, 1, true}});
    block_->OnKick(0);
    EXPECT_EQ(status(), BlockStatus::kUnsupported) << type;
  }
  EXPECT_THAT(host_.failures, IsEmpty());
}

TEST_F(BlockTest, DoesNotCareHowARequestIsCut) {
  SetHeader(BlockRequestType::kIn, 3);
  ring_.Offer(0, {{kHeader, 1},
                  {kHeader + 1, 14},
                  {kHeader + 15, 1},
                  {kData, 100, true},
                  {kData + 100, 413, true}});  // the last byte of which is the status
  block_->OnKick(0);
  EXPECT_EQ(DataAt(kSectorSize), std::byte{0}) << "OK";
  EXPECT_EQ(DataAt(kSectorSize - 1), std::byte{4});
  EXPECT_EQ(written(), kSectorSize + 1);
}

TEST_F(BlockTest, FindsHeaderAndDataInOneDescriptor) {
  SetHeader(BlockRequestType::kOut, 1);
  ASSERT_TRUE(memory_.Fill(kHeader + kHeaderSize, kSectorSize, std::byte{0x55}).ok());
  ring_.OfferIndirect(0, 0xa000, {{kHeader, kHeaderSize + kSectorSize}, {kStatus, 1, true}});
  block_->OnKick(0);
  EXPECT_EQ(status(), BlockStatus::kOk);
  EXPECT_EQ(backend_->bytes()[2 * kSectorSize - 1], std::byte{0x55});
}

TEST_F(BlockTest, RefusesRangesBeyondTheEnd) {
  constexpr uint64_t kWraps = std::numeric_limits<uint64_t>::max() / kSectorSize;
  for (const uint64_t sector :
       {kDiskSectors, kDiskSectors - 1, kWraps, kWraps + 1, std::numeric_limits<uint64_t>::max()}) {
    ASSERT_TRUE(memory_.Fill(kData, 1, kUntouched).ok());
    Read(sector, 2 * kSectorSize);
    EXPECT_EQ(status(), BlockStatus::kIoError) << sector;
    EXPECT_EQ(written(), 0U);
    EXPECT_EQ(DataAt(0), kUntouched);
    Write(sector, 2 * kSectorSize);
    EXPECT_EQ(status(), BlockStatus::kIoError) << sector;
  }
  EXPECT_THAT(host_.failures, IsEmpty());
  EXPECT_THAT(host_.reports, IsEmpty());
}

TEST_F(BlockTest, RefusesPartsOfSectors) {
  Read(0, 100);
  EXPECT_EQ(status(), BlockStatus::kIoError);
  Write(0, kSectorSize + 1);
  EXPECT_EQ(status(), BlockStatus::kIoError);
}

TEST_F(BlockTest, RefusesWritesToAReadOnlyDisk) {
  Make(BlockAccess::kReadOnly, MemoryBackend::Completion::kInline);
  Write(0, kSectorSize);
  EXPECT_EQ(status(), BlockStatus::kIoError);
  EXPECT_EQ(backend_->bytes()[0], std::byte{1});
  Read(0, kSectorSize);
  EXPECT_EQ(status(), BlockStatus::kOk);
  Flush();
  EXPECT_EQ(status(), BlockStatus::kOk);
}

TEST_F(BlockTest, FailsOnARequestWithoutAStatusByte) {
  SetHeader(BlockRequestType::kOut, 0);
  ring_.Offer(0, {{kHeader, kHeaderSize}, {kData, kSectorSize}});
  block_->OnKick(0);
  EXPECT_THAT(host_.failures, ElementsAre(HasSubstr("no room for header and status")));
  EXPECT_EQ(backend_->bytes()[0], std::byte{1});
}

TEST_F(BlockTest, FailsOnARequestWithoutAHeader) {
  ring_.Offer(0, {{kHeader, kHeaderSize - 1}, {kStatus, 1, true}});
  block_->OnKick(0);
  EXPECT_THAT(host_.failures, SizeIs(1));
}

TEST_F(BlockTest, FailsOnABrokenQueueAndSaysWhichAndWhy) {
  ring_.MakeAvailable(kRingSize);
  block_->OnKick(0);
  EXPECT_THAT(host_.failures,
              ElementsAre(AllOf(HasSubstr("queue 0"), HasSubstr("does not exist"))));
}

TEST_F(BlockTest, TellsTheHostOfTheFirstFailureOnly) {
  backend_->FailWith(ENOSPC);
  Write(2, kSectorSize);
  EXPECT_EQ(status(), BlockStatus::kIoError);
  Write(2, kSectorSize);
  EXPECT_THAT(host_.reports, ElementsAre(AllOf(HasSubstr("writing 512 bytes at offset 1024"),
                                               HasSubstr("No space"), HasSubstr("make room"))));
  EXPECT_THAT(host_.kinds, ElementsAre(DeviceEvent::kNoRoom));
  backend_->FailWith(0);
  Write(2, kSectorSize);
  EXPECT_EQ(status(), BlockStatus::kOk);
}

TEST_F(BlockTest, PublishesABatchWithOneInterrupt) {
  SetHeader(BlockRequestType::kIn, 0);
  for (uint16_t i = 0; i < 5; ++i) {
    ring_.Offer(static_cast<uint16_t>(i * 3),
                {{kHeader, kHeaderSize}, {kData, kSectorSize, true}, {kStatus, 1, true}});
  }
  block_->OnKick(0);
  EXPECT_EQ(ring_.used_index(), 5);
  EXPECT_EQ(host_.queue_interrupts, 1U);
  EXPECT_EQ(backend_->commits(), 1U);
  EXPECT_EQ(ring_.available_event(), 5) << "asks for the next kick";
}

TEST_F(BlockTest, LetsOtherDevicesHaveTheirTurn) {
  DriverRing full(memory_, kRing, Block::kQueueSize);
  ASSERT_LT(full.end(), kHeader);
  full.Clear();
  ASSERT_TRUE(queue_.Activate(memory_, full.layout(), Block::kQueueSize, kAllFeatures).ok());
  SetHeader(BlockRequestType::kFlush, 0);
  full.SetDescriptor(
      0, {.address = kHeader, .length = kHeaderSize, .flags = kDescriptorNext, .next = 1});
  full.SetDescriptor(1, {.address = kStatus, .length = 1, .flags = kDescriptorWrite, .next = 0});
  for (unsigned i = 0; i < Block::kQueueSize; ++i) full.MakeAvailable(0);
  block_->OnKick(0);
  EXPECT_EQ(full.used_index(), Block::kQueueSize);
  EXPECT_THAT(host_.kicked_again, ElementsAre(0));
  block_->OnKick(0);
  EXPECT_THAT(host_.kicked_again, SizeIs(1)) << "nothing was left";
  EXPECT_EQ(full.available_event(), Block::kQueueSize);
}

TEST_F(BlockTest, DoesNotInterruptWhereTheDriverDoesNotWantIt) {
  ring_.SetUsedEvent(1);
  Flush();
  EXPECT_EQ(host_.queue_interrupts, 0U);
  Flush();
  EXPECT_EQ(host_.queue_interrupts, 1U);
}

TEST_F(BlockTest, CompletesLaterAndOutOfOrder) {
  Make(BlockAccess::kReadWrite, MemoryBackend::Completion::kLater);
  Flush();
  SetHeader(BlockRequestType::kIn, 0);
  ring_.Offer(4, {{kHeader, kHeaderSize}, {kData, kSectorSize, true}, {kStatus, 1, true}});
  block_->OnKick(0);
  EXPECT_EQ(ring_.used_index(), 0);
  EXPECT_EQ(host_.queue_interrupts, 0U);
  backend_->CompleteNewest();
  EXPECT_EQ(ring_.used(0).id, 4U);
  EXPECT_EQ(host_.queue_interrupts, 1U);
  backend_->CompleteNewest();
  EXPECT_EQ(ring_.used(1).id, 0U);
  EXPECT_EQ(ring_.used_index(), 2);
}

TEST_F(BlockTest, DrainsOnReset) {
  Make(BlockAccess::kReadWrite, MemoryBackend::Completion::kLater);
  Read(0, kSectorSize);
  EXPECT_EQ(backend_->waiting(), 1U);
  block_->Reset();
  EXPECT_EQ(backend_->waiting(), 0U);
  EXPECT_EQ(backend_->flushes(), 0U);
}

TEST_F(BlockTest, SettlesWithAnAnswer) {
  Make(BlockAccess::kReadWrite, MemoryBackend::Completion::kLater);
  Read(0, kSectorSize);
  EXPECT_EQ(ring_.used_index(), 0);
  block_->Settle();
  EXPECT_EQ(backend_->waiting(), 0U);
  EXPECT_EQ(ring_.used_index(), 1);
  EXPECT_EQ(host_.queue_interrupts, 1U);
}

TEST_F(BlockTest, WorksAgainAfterAReset) {
  Read(0, kSectorSize);
  block_->Reset();
  Activate(kAllFeatures);
  Read(1, kSectorSize);
  EXPECT_EQ(ring_.used_index(), 1);
  EXPECT_EQ(DataAt(0), std::byte{2});
}

TEST_F(BlockTest, GivesTheDiskBack) {
  block_->Reset();
  block_->Shutdown();
  EXPECT_TRUE(backend_->closed());
}

}  // namespace
}  // namespace mayfly::virtio
