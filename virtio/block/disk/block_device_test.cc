// Disks on block devices: a loop device over a file plays one. Needs to be root, outside of a
// sandbox.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mapping.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "virtio/block/disk/disk_opener.h"
#include "virtio/block/testing/loop_device.h"

namespace mayfly::virtio {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kDeviceSize = uint64_t{4} << 20;

class Outcome final : public BlockCompletion {
 public:
  void OnCompleted(BlockRequest& /*request*/, int error) override { error_ = error; }
  void OnBatchCompleted() override {}
  [[nodiscard]] int error() const { return error_; }

 private:
  int error_ = -1;
};

class BlockDeviceTest : public ::testing::TestWithParam<DiskEngine> {
 protected:
  void SetUp() override {
    file_ = OwnedFd(::mkstemp(path_.data()));
    ASSERT_TRUE(file_.valid());
    ASSERT_EQ(::ftruncate(file_.get(), kDeviceSize), 0);
    auto device = LoopDevice::Create(file_.get());
    if (!device.ok()) GTEST_SKIP() << "no loop device to be had: " << device.status();
    device_.emplace(*std::move(device));
    disk_ = Open(DiskCaching::kHostCache).value();
  }
  void TearDown() override {
    disk_.reset();
    device_.reset();
    ::unlink(path_.c_str());
  }

  [[nodiscard]] absl::StatusOr<std::unique_ptr<BlockBackend>> Open(DiskCaching caching) const {
    return OpenDisk(OwnedFd(::open(device_->path().c_str(), O_RDWR | O_CLOEXEC)),
                    {.access = BlockAccess::kReadWrite, .caching = caching}, GetParam(), "loop",
                    *io_);
  }
  // Makes the device one that takes whole pages only, where it can be.
  [[nodiscard]] absl::Status OpenWithBlocksOfAPage(DiskCaching caching) {
    MAYFLY_RETURN_IF_ERROR(device_->SetBlockSize(kPage));
    disk_.reset();
    disk_ = Open(caching).value();
    return absl::OkStatus();
  }
  int Do(BlockOperation operation, uint64_t offset, uint64_t length,
         BlockZeroing zeroing = BlockZeroing::kKeepAllocated) {
    iovec piece = {.iov_base = memory_.data(), .iov_len = length};
    BlockRequest request;
    request.operation = operation;
    request.zeroing = zeroing;
    request.offset = offset;
    request.length = length;
    if (operation == BlockOperation::kRead || operation == BlockOperation::kWrite) {
      request.buffers = std::span(&piece, 1);
    }
    Outcome outcome;
    disk_->Submit(request, outcome);
    disk_->Commit();
    disk_->Drain();
    return outcome.error();
  }
  void Fill(std::byte value) {
    std::ranges::fill(memory_.bytes(), value);
    for (uint64_t at = 0; at < kDeviceSize; at += memory_.size()) {
      ASSERT_EQ(Do(BlockOperation::kWrite, at, memory_.size()), 0);
    }
    ASSERT_EQ(Do(BlockOperation::kFlush, 0, 0), 0);
  }
  [[nodiscard]] std::byte ByteAt(uint64_t offset) {
    EXPECT_EQ(Do(BlockOperation::kRead, offset / kPage * kPage, kPage), 0);
    return memory_.bytes()[offset % kPage];
  }
  [[nodiscard]] uint64_t AllocatedBytes() const {
    struct stat info {};
    EXPECT_EQ(::fstat(file_.get(), &info), 0);
    return static_cast<uint64_t>(info.st_blocks) * 512;
  }

  const Mapping memory_ = Mapping::Anonymous(64 * kPage, kPage).value();
  const std::unique_ptr<EventLoop> io_ = EventLoop::Create().value();
  std::string path_ = ::testing::TempDir() + "/block_device_XXXXXX";
  OwnedFd file_;
  std::optional<LoopDevice> device_;
  std::unique_ptr<BlockBackend> disk_;
};

TEST_P(BlockDeviceTest, ReadsAndWrites) {
  EXPECT_EQ(disk_->capacity(), kDeviceSize);
  Fill(std::byte{7});
  EXPECT_EQ(ByteAt(kDeviceSize - 1), std::byte{7});
  disk_.reset();
  disk_ = Open(DiskCaching::kDirect).value();
  std::ranges::fill(memory_.bytes(), std::byte{0});
  ASSERT_EQ(Do(BlockOperation::kWrite, kSectorSize, kSectorSize), 0);
  EXPECT_EQ(ByteAt(kSectorSize - 1), std::byte{7});
  EXPECT_EQ(ByteAt(kSectorSize), std::byte{0});
  EXPECT_EQ(ByteAt(2 * kSectorSize), std::byte{7});
}

TEST_P(BlockDeviceTest, DiscardsAndGivesTheStorageBack) {
  if (disk_->discard_granularity() == 0) GTEST_SKIP() << "this device cannot discard";
  Fill(std::byte{7});
  const uint64_t before = AllocatedBytes();
  ASSERT_EQ(Do(BlockOperation::kDiscard, kDeviceSize / 4, kDeviceSize / 2), 0);
  EXPECT_LT(AllocatedBytes(), before);
  EXPECT_EQ(ByteAt(kDeviceSize / 4 - 1), std::byte{7});
  EXPECT_EQ(ByteAt(kDeviceSize / 4 * 3), std::byte{7});
}

TEST_P(BlockDeviceTest, WritesZeroes) {
  for (const auto zeroing : {BlockZeroing::kKeepAllocated, BlockZeroing::kMayUnmap}) {
    Fill(std::byte{7});
    ASSERT_EQ(Do(BlockOperation::kWriteZeroes, 4 * kPage, 8 * kPage, zeroing), 0);
    EXPECT_EQ(ByteAt(4 * kPage - 1), std::byte{7});
    EXPECT_EQ(ByteAt(4 * kPage), std::byte{0});
    EXPECT_EQ(ByteAt(12 * kPage - 1), std::byte{0});
    EXPECT_EQ(ByteAt(12 * kPage), std::byte{7});
  }
}

// A driver is told of sectors, whatever the blocks.
TEST_P(BlockDeviceTest, DiscardsAndZeroesPartsOfBlocks) {
  for (const DiskCaching caching : {DiskCaching::kHostCache, DiskCaching::kDirect}) {
    const absl::Status opened = OpenWithBlocksOfAPage(caching);
    if (!opened.ok()) GTEST_SKIP() << "no larger blocks: " << opened;
    for (const auto zeroing : {BlockZeroing::kMayUnmap, BlockZeroing::kKeepAllocated}) {
      Fill(std::byte{7});
      ASSERT_EQ(Do(BlockOperation::kWriteZeroes, kSectorSize, 2 * kPage, zeroing), 0);
      EXPECT_EQ(ByteAt(kSectorSize - 1), std::byte{7});
      EXPECT_EQ(ByteAt(kSectorSize), std::byte{0});
      EXPECT_EQ(ByteAt(2 * kPage + kSectorSize - 1), std::byte{0});
      EXPECT_EQ(ByteAt(2 * kPage + kSectorSize), std::byte{7});
    }
    ASSERT_EQ(Do(BlockOperation::kDiscard, 4 * kPage + kSectorSize, kPage), 0);
    EXPECT_EQ(ByteAt(4 * kPage), std::byte{7});
    EXPECT_EQ(ByteAt(5 * kPage + kSectorSize), std::byte{7});
  }
}

// They read the rest of the block, and write it back.
TEST_P(BlockDeviceTest, ZeroesInAPartOfABlockComeAfterWhatIsOnItsWay) {
  const absl::Status opened = OpenWithBlocksOfAPage(DiskCaching::kDirect);
  if (!opened.ok()) GTEST_SKIP() << "no larger blocks: " << opened;
  Fill(std::byte{7});
  std::ranges::fill(memory_.bytes(), std::byte{8});
  iovec page = {.iov_base = memory_.data(), .iov_len = kPage};
  BlockRequest write;
  write.operation = BlockOperation::kWrite;
  write.length = kPage;
  write.buffers = std::span(&page, 1);
  BlockRequest zeroes;
  zeroes.operation = BlockOperation::kWriteZeroes;
  zeroes.offset = kSectorSize;
  zeroes.length = kSectorSize;
  Outcome written;
  Outcome zeroed;
  disk_->Submit(write, written);
  disk_->Submit(zeroes, zeroed);
  EXPECT_EQ(written.error(), 0);
  disk_->Commit();
  disk_->Drain();
  EXPECT_EQ(zeroed.error(), 0);
  EXPECT_EQ(ByteAt(kSectorSize - 1), std::byte{8});
  EXPECT_EQ(ByteAt(kSectorSize), std::byte{0});
  EXPECT_EQ(ByteAt(2 * kSectorSize), std::byte{8});
}

TEST_P(BlockDeviceTest, NoticesANewSize) {
  ASSERT_EQ(::ftruncate(file_.get(), 2 * kDeviceSize), 0);
  ASSERT_EQ(device_->TakeSizeOfFile(), absl::OkStatus());
  EXPECT_EQ(disk_->RefreshCapacity().value(), 2 * kDeviceSize);
}

TEST_P(BlockDeviceTest, HasOneWriterOnly) { EXPECT_FALSE(Open(DiskCaching::kHostCache).ok()); }

INSTANTIATE_TEST_SUITE_P(Engines, BlockDeviceTest,
                         ::testing::Values(DiskEngine::kSync, DiskEngine::kUring),
                         [](const ::testing::TestParamInfo<DiskEngine>& engine) {
                           return std::string(engine.param == DiskEngine::kSync ? "Sync" : "Uring");
                         });

}  // namespace
}  // namespace mayfly::virtio
