// What every engine does for a disk, with the host's cache and without it.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/mapping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/disk/disk_opener.h"

namespace mayfly::virtio {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kDiskSize = 256 * kPage;
constexpr size_t kMemorySize = 64 * kPage;

// Requests as a device makes them: all of a batch in place until they are completed.
class Submitter final : public BlockCompletion {
 public:
  struct Job {
    BlockRequest request;
    std::vector<iovec> buffers;
    int error = -1;  // until it is done
  };

  void OnCompleted(BlockRequest& request, int error) override {
    for (const auto& job : jobs_) {
      if (&job->request == &request) job->error = error;
    }
    ++completed_;
  }
  void OnBatchCompleted() override {
    ++batches_;
    told_ = completed_;
  }

  Job& Add(BlockOperation operation, uint64_t offset, uint64_t length, std::vector<iovec> buffers) {
    Job& job = *jobs_.emplace_back(std::make_unique<Job>());
    job.buffers = std::move(buffers);
    job.request.operation = operation;
    job.request.offset = offset;
    job.request.length = length;
    job.request.buffers = job.buffers;
    return job;
  }
  [[nodiscard]] bool done() const { return completed_ == jobs_.size(); }
  [[nodiscard]] unsigned batches() const { return batches_; }
  // How many were done when a batch was told of last.
  [[nodiscard]] size_t told() const { return told_; }

 private:
  std::vector<std::unique_ptr<Job>> jobs_;
  size_t completed_ = 0;
  size_t told_ = 0;
  unsigned batches_ = 0;
};

void StopWhenDone(EventLoop& io, const Submitter& submitter) {
  if (submitter.done()) {
    io.Stop();
  } else {
    io.Post([&] { StopWhenDone(io, submitter); });
  }
}

struct Way {
  DiskEngine engine;
  DiskCaching caching;
};

class DiskEngineTest : public ::testing::TestWithParam<Way> {
 protected:
  DiskEngineTest() {
    const int fd = ::mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    EXPECT_EQ(::ftruncate(fd, kDiskSize), 0);
    ::close(fd);
  }
  void SetUp() override {
    // We ask the file system ourselves: tmpfs before Linux 6.6, for one, has none.
    if (GetParam().caching == DiskCaching::kDirect &&
        !OwnedFd(::open(path_.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC)).valid()) {
      GTEST_SKIP() << "runs on file systems that have O_DIRECT, such as ext4 (--test_tmpdir): "
                   << std::strerror(errno);
    }
    disk_ = Open().value();
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  [[nodiscard]] absl::StatusOr<std::unique_ptr<BlockBackend>> Open() const {
    return OpenDisk(OwnedFd(::open(path_.c_str(), O_RDWR | O_CLOEXEC)),
                    {.access = BlockAccess::kReadWrite, .caching = GetParam().caching},
                    GetParam().engine, "test.img", *io_);
  }
  [[nodiscard]] iovec Piece(size_t begin, size_t size) const {
    return {.iov_base = memory_.bytes().subspan(begin).data(), .iov_len = size};
  }
  [[nodiscard]] std::span<std::byte> Memory(size_t begin, size_t size) const {
    return memory_.bytes().subspan(begin, size);
  }
  int Do(BlockRequest request, const std::vector<iovec>& buffers) {
    Submitter submitter;
    Submitter::Job& job = submitter.Add(request.operation, request.offset, request.length, buffers);
    job.request.durability = request.durability;
    job.request.zeroing = request.zeroing;
    disk_->Submit(job.request, submitter);
    disk_->Commit();
    disk_->Drain();
    return job.error;
  }
  int Move(BlockOperation operation, uint64_t offset, const std::vector<iovec>& buffers) {
    BlockRequest request;
    request.operation = operation;
    request.offset = offset;
    for (const iovec& piece : buffers) request.length += piece.iov_len;
    return Do(request, buffers);
  }
  int Change(BlockOperation operation, uint64_t offset, uint64_t length,
             BlockZeroing zeroing = BlockZeroing::kKeepAllocated,
             BlockDurability durability = BlockDurability::kCached) {
    BlockRequest request;
    request.operation = operation;
    request.offset = offset;
    request.length = length;
    request.zeroing = zeroing;
    request.durability = durability;
    return Do(request, {});
  }
  void FillDisk(std::byte value) const {
    const std::vector<std::byte> data(kDiskSize, value);
    const OwnedFd fd(::open(path_.c_str(), O_WRONLY));
    ASSERT_EQ(::pwrite(fd.get(), data.data(), data.size(), 0), ssize_t{kDiskSize});
    ASSERT_EQ(::fsync(fd.get()), 0);
  }
  [[nodiscard]] std::vector<std::byte> ReadDisk(uint64_t offset, size_t size) const {
    std::vector<std::byte> data(size);
    const OwnedFd fd(::open(path_.c_str(), O_RDONLY));
    EXPECT_EQ(::pread(fd.get(), data.data(), size, static_cast<off_t>(offset)),
              static_cast<ssize_t>(size));
    return data;
  }
  [[nodiscard]] uint64_t AllocatedBytes() const {
    struct stat info {};
    EXPECT_EQ(::stat(path_.c_str(), &info), 0);
    return static_cast<uint64_t>(info.st_blocks) * 512;
  }

  std::string path_ = ::testing::TempDir() + "/disk_engine_XXXXXX";
  const Mapping memory_ = Mapping::Anonymous(kMemorySize, kPage).value();
  const std::unique_ptr<EventLoop> io_ = EventLoop::Create().value();
  std::unique_ptr<BlockBackend> disk_;
};

TEST_P(DiskEngineTest, ReadsBackWhatWasWritten) {
  std::memset(memory_.data(), 1, kPage);
  std::memset(memory_.data() + kPage, 2, 2 * kPage);
  ASSERT_EQ(Move(BlockOperation::kWrite, kPage, {Piece(0, kPage), Piece(kPage, 2 * kPage)}), 0);
  ASSERT_EQ(Change(BlockOperation::kFlush, 0, 0), 0);
  ASSERT_EQ(Move(BlockOperation::kRead, 0, {Piece(8 * kPage, 5 * kPage)}), 0);
  const auto back = Memory(8 * kPage, 5 * kPage);
  EXPECT_EQ(back[kPage - 1], std::byte{0});
  EXPECT_EQ(back[kPage], std::byte{1});
  EXPECT_EQ(back[2 * kPage - 1], std::byte{1});
  EXPECT_EQ(back[2 * kPage], std::byte{2});
  EXPECT_EQ(back[4 * kPage - 1], std::byte{2});
  EXPECT_EQ(back[4 * kPage], std::byte{0});
}

// As no device takes it: through a buffer, and without harm to the bytes around.
TEST_P(DiskEngineTest, TakesAnyCutOfAnySectors) {
  FillDisk(std::byte{9});
  std::memset(memory_.data(), 5, 3 * kSectorSize);
  ASSERT_EQ(Move(BlockOperation::kWrite, 7 * kSectorSize,
                 {Piece(1, 1), Piece(2, 510), Piece(513, kSectorSize), Piece(1, 513)}),
            0);
  const auto disk = ReadDisk(0, 2 * kPage);
  EXPECT_EQ(disk[7 * kSectorSize - 1], std::byte{9});
  for (size_t i = 7 * kSectorSize; i < 10 * kSectorSize; ++i) ASSERT_EQ(disk[i], std::byte{5});
  EXPECT_EQ(disk[10 * kSectorSize], std::byte{9});
  ASSERT_EQ(Move(BlockOperation::kRead, 6 * kSectorSize,
                 {Piece(kPage + 3, 511), Piece(2 * kPage + 1, 513)}),
            0);
  EXPECT_EQ(Memory(kPage + 3, 511)[510], std::byte{9});
  EXPECT_EQ(Memory(2 * kPage + 1, 513)[0], std::byte{9});
  EXPECT_EQ(Memory(2 * kPage + 1, 513)[1], std::byte{5});
}

TEST_P(DiskEngineTest, MovesMoreThanABufferHoldsFromOddMemory) {
  constexpr uint64_t kBig = 3 << 20;
  ASSERT_EQ(::truncate(path_.c_str(), 4 << 20), 0);
  ASSERT_TRUE(disk_->RefreshCapacity().ok());
  std::vector<std::byte> data(kBig + 1);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 31 >> 8);
  ASSERT_EQ(
      Move(BlockOperation::kWrite, kSectorSize, {{.iov_base = data.data() + 1, .iov_len = kBig}}),
      0);
  EXPECT_EQ(ReadDisk(kSectorSize, kBig), std::vector(data.begin() + 1, data.end()));
  std::vector<std::byte> back(kBig + 1);
  ASSERT_EQ(
      Move(BlockOperation::kRead, kSectorSize, {{.iov_base = back.data() + 1, .iov_len = kBig}}),
      0);
  back[0] = data[0];
  EXPECT_EQ(back, data);
}

TEST_P(DiskEngineTest, KeepsManyRequestsApart) {
  constexpr size_t kRequests = 1000;  // more than the ring holds between two submissions
  for (size_t i = 0; i < 64; ++i)
    std::memset(memory_.data() + i * kPage, static_cast<int>(i), kPage);
  Submitter submitter;
  std::vector<Submitter::Job*> jobs;
  for (size_t i = 0; i < kRequests; ++i) {
    jobs.push_back(&submitter.Add(BlockOperation::kWrite, i % 256 * kPage, kPage,
                                  {Piece(i % 64 * kPage, kPage)}));
    disk_->Submit(jobs.back()->request, submitter);
  }
  disk_->Commit();
  disk_->Drain();
  ASSERT_TRUE(submitter.done());
  for (const Submitter::Job* job : jobs) EXPECT_EQ(job->error, 0);
  const auto disk = ReadDisk(0, kDiskSize);
  for (size_t i = 0; i < 256; ++i) EXPECT_EQ(disk[i * kPage], static_cast<std::byte>(i % 64));
}

TEST_P(DiskEngineTest, CompletesOnTheLoopAndTellsOncePerBatch) {
  FillDisk(std::byte{4});
  const OwnedFd fd(::open(path_.c_str(), O_RDONLY));
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  Submitter submitter;
  for (size_t i = 0; i < 16; ++i) {
    auto& job =
        submitter.Add(BlockOperation::kRead, i * 16 * kPage, kPage, {Piece(i * kPage, kPage)});
    disk_->Submit(job.request, submitter);
  }
  auto& flush = submitter.Add(BlockOperation::kFlush, 0, 0, {});
  disk_->Submit(flush.request, submitter);
  disk_->Commit();
  const bool in_call = submitter.done();
  io_->Post([&] { StopWhenDone(*io_, submitter); });
  io_->Run();
  EXPECT_EQ(flush.error, 0);
  EXPECT_LE(submitter.batches(), 17U);
  EXPECT_EQ(submitter.told(), in_call ? 0U : 17U);
  for (size_t i = 0; i < 16; ++i) EXPECT_EQ(Memory(i * kPage, kPage)[17], std::byte{4});
}

// As a disk in layers does, which reads one to write another.
TEST_P(DiskEngineTest, TakesRequestsFromACompletionAndStillTellsOfTheBatch) {
  class Follower final : public BlockCompletion {
   public:
    Follower(BlockBackend& disk, Submitter& submitter, BlockRequest& next)
        : disk_(disk), submitter_(submitter), next_(next) {}
    void OnCompleted(BlockRequest& /*request*/, int error) override {
      EXPECT_EQ(error, 0);
      completed_ = true;
      disk_.Submit(next_, submitter_);
      disk_.Commit();
    }
    void OnBatchCompleted() override { ++batches_; }
    [[nodiscard]] bool completed() const { return completed_; }
    [[nodiscard]] unsigned batches() const { return batches_; }

   private:
    BlockBackend& disk_;
    Submitter& submitter_;
    BlockRequest& next_;
    bool completed_ = false;
    unsigned batches_ = 0;
  };
  Submitter submitter;
  auto& read = submitter.Add(BlockOperation::kRead, 0, kPage, {Piece(0, kPage)});
  Follower follower(*disk_, submitter, read.request);
  BlockRequest flush;
  flush.operation = BlockOperation::kFlush;
  disk_->Submit(flush, follower);
  disk_->Commit();
  const bool in_call = follower.completed();
  io_->Post([&] { StopWhenDone(*io_, submitter); });
  io_->Run();
  EXPECT_EQ(read.error, 0);
  // Once would do; before it hears of the read, and after, does no harm.
  if (!in_call) {
    EXPECT_GE(follower.batches(), 1U);
  }
}

TEST_P(DiskEngineTest, DiscardsAndGivesTheStorageBack) {
  FillDisk(std::byte{3});
  if (disk_->discard_granularity() == 0) GTEST_SKIP() << "this file system cannot punch holes";
  const uint64_t before = AllocatedBytes();
  ASSERT_EQ(Change(BlockOperation::kDiscard, 16 * kPage, 64 * kPage), 0);
  EXPECT_LT(AllocatedBytes(), before);
  EXPECT_EQ(ReadDisk(16 * kPage - 1, 1)[0], std::byte{3});
  EXPECT_EQ(ReadDisk(80 * kPage, 1)[0], std::byte{3});
}

TEST_P(DiskEngineTest, WritesZeroes) {
  FillDisk(std::byte{3});
  for (const auto zeroing : {BlockZeroing::kKeepAllocated, BlockZeroing::kMayUnmap}) {
    for (const auto durability : {BlockDurability::kCached, BlockDurability::kStable}) {
      FillDisk(std::byte{3});
      const uint64_t begin = 5 * kSectorSize;  // not of a block
      const uint64_t length = 21 * kPage;
      ASSERT_EQ(Change(BlockOperation::kWriteZeroes, begin, length, zeroing, durability), 0);
      const auto disk = ReadDisk(0, kDiskSize);
      EXPECT_EQ(disk[begin - 1], std::byte{3});
      for (uint64_t i = begin; i < begin + length; ++i) ASSERT_EQ(disk[i], std::byte{0}) << i;
      EXPECT_EQ(disk[begin + length], std::byte{3});
    }
  }
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, off_t{kDiskSize});
}

TEST_P(DiskEngineTest, WritesStable) {
  std::memset(memory_.data(), 6, kPage);
  BlockRequest request;
  request.operation = BlockOperation::kWrite;
  request.length = kPage;
  request.durability = BlockDurability::kStable;
  ASSERT_EQ(Do(request, {Piece(0, kPage)}), 0);
  EXPECT_EQ(ReadDisk(kPage - 1, 1)[0], std::byte{6});
}

TEST_P(DiskEngineTest, FailsReadsOfAFileThatWasCutOffMeanwhile) {
  ASSERT_EQ(::truncate(path_.c_str(), kPage), 0);
  EXPECT_EQ(Move(BlockOperation::kRead, 2 * kPage, {Piece(0, kPage)}), EIO);
  EXPECT_EQ(Move(BlockOperation::kRead, 0, {Piece(0, 2 * kPage)}), EIO);
}

TEST_P(DiskEngineTest, NoticesANewSize) {
  EXPECT_EQ(disk_->RefreshCapacity().value(), kDiskSize);
  ASSERT_EQ(::truncate(path_.c_str(), 2 * kDiskSize), 0);
  EXPECT_EQ(disk_->capacity(), kDiskSize);
  EXPECT_EQ(disk_->RefreshCapacity().value(), 2 * kDiskSize);
  EXPECT_EQ(disk_->capacity(), 2 * kDiskSize);
  ASSERT_EQ(::truncate(path_.c_str(), 2 * kDiskSize + 1), 0);
  EXPECT_FALSE(disk_->RefreshCapacity().ok());
  EXPECT_EQ(disk_->capacity(), 2 * kDiskSize);
}

// Sparse, so that only the last page is there.
TEST_P(DiskEngineTest, ReachesTheEndOfALargeDisk) {
  uint64_t size = uint64_t{16} << 40;
  while (::truncate(path_.c_str(), static_cast<off_t>(size)) != 0) {
    ASSERT_EQ(errno, EFBIG);
    size -= kPage;  // ext4's files end a block before
    ASSERT_GT(size, (uint64_t{16} << 40) - 16 * kPage);
  }
  ASSERT_EQ(disk_->RefreshCapacity().value(), size);
  std::memset(memory_.data(), 8, kPage);
  ASSERT_EQ(Move(BlockOperation::kWrite, size - kPage, {Piece(0, kPage)}), 0);
  ASSERT_EQ(Move(BlockOperation::kRead, size - kPage, {Piece(kPage, kPage)}), 0);
  EXPECT_EQ(Memory(kPage, kPage)[kPage - 1], std::byte{8});
  if (disk_->discard_granularity() != 0) {
    EXPECT_EQ(Change(BlockOperation::kDiscard, size - 8 * kPage, 8 * kPage), 0);
  }
}

TEST_P(DiskEngineTest, FailsEverythingWhenClosed) {
  disk_->Drain();
  disk_->Close();
  EXPECT_EQ(Move(BlockOperation::kRead, 0, {Piece(0, kPage)}), EBADF);
  EXPECT_EQ(Move(BlockOperation::kWrite, 0, {Piece(0, kPage)}), EBADF);
  EXPECT_EQ(Change(BlockOperation::kFlush, 0, 0), EBADF);
  EXPECT_EQ(Change(BlockOperation::kDiscard, 0, kPage), EBADF);
  EXPECT_TRUE(Open().ok()) << "the lock is given back";
}

INSTANTIATE_TEST_SUITE_P(Ways, DiskEngineTest,
                         ::testing::Values(Way{DiskEngine::kSync, DiskCaching::kHostCache},
                                           Way{DiskEngine::kSync, DiskCaching::kDirect},
                                           Way{DiskEngine::kUring, DiskCaching::kHostCache},
                                           Way{DiskEngine::kUring, DiskCaching::kDirect}),
                         [](const ::testing::TestParamInfo<Way>& way) {
                           return std::string(way.param.engine == DiskEngine::kSync ? "Sync"
                                                                                    : "Uring") +
                                  (way.param.caching == DiskCaching::kDirect ? "Direct" : "Cached");
                         });

}  // namespace
}  // namespace mayfly::virtio
