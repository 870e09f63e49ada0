// Disks on files, by the engine that every host has.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/event_loop.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "virtio/block/disk/disk_opener.h"

namespace mayfly::virtio {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uint64_t kDiskSize = 64 * kSectorSize;

// Remembers what a request came to.
class Outcome final : public BlockCompletion {
 public:
  void OnCompleted(BlockRequest& /*request*/, int error) override { error_ = error; }
  void OnBatchCompleted() override {}
  [[nodiscard]] int error() const { return error_; }

 private:
  int error_ = -1;
};

class RawDiskTest : public ::testing::Test {
 protected:
  RawDiskTest() {
    const int fd = ::mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    EXPECT_EQ(::ftruncate(fd, kDiskSize), 0);
    ::close(fd);
  }
  void TearDown() override { ::unlink(path_.c_str()); }

  [[nodiscard]] OwnedFd OpenFile(int flags) const { return OwnedFd(::open(path_.c_str(), flags)); }
  [[nodiscard]] absl::StatusOr<std::unique_ptr<BlockBackend>> OpenAs(
      OwnedFd fd, const DiskFile::Options& options, std::string_view name) const {
    return OpenDisk(std::move(fd), options, DiskEngine::kSync, name, *io_);
  }
  [[nodiscard]] auto Open(BlockAccess access) const {
    return OpenAs(OpenFile(access == BlockAccess::kReadWrite ? O_RDWR : O_RDONLY),
                  {.access = access}, "root.img");
  }
  static std::string Message(const absl::Status& status) {
    return {status.message().data(), status.message().size()};
  }
  static int Submit(BlockBackend& disk, BlockOperation operation, uint64_t offset,
                    std::span<const std::span<std::byte>> pieces) {
    std::vector<iovec> buffers;
    uint64_t length = 0;
    for (const std::span<std::byte> piece : pieces) {
      buffers.push_back({.iov_base = piece.data(), .iov_len = piece.size()});
      length += piece.size();
    }
    BlockRequest request;
    request.operation = operation;
    request.offset = offset;
    request.length = length;
    request.buffers = buffers;
    Outcome outcome;
    disk.Submit(request, outcome);
    return outcome.error();
  }

  const std::unique_ptr<EventLoop> io_ = EventLoop::Create().value();
  std::string path_ = ::testing::TempDir() + "/raw_disk_XXXXXX";
};

TEST_F(RawDiskTest, KnowsItsSizeAndAccess) {
  const auto disk = Open(BlockAccess::kReadWrite).value();
  EXPECT_EQ(disk->capacity(), kDiskSize);
  EXPECT_EQ(disk->access(), BlockAccess::kReadWrite);
}

TEST_F(RawDiskTest, ReadsBackWhatWasWrittenInPieces) {
  const auto disk = Open(BlockAccess::kReadWrite).value();
  std::vector<std::byte> first(700, std::byte{1});
  std::vector<std::byte> second(kSectorSize * 2 - 700, std::byte{2});
  const std::vector<std::span<std::byte>> pieces = {first, second};
  ASSERT_EQ(Submit(*disk, BlockOperation::kWrite, kSectorSize, pieces), 0);
  ASSERT_EQ(Submit(*disk, BlockOperation::kFlush, 0, {}), 0);
  std::vector<std::byte> all(kSectorSize * 4, std::byte{9});
  const std::vector<std::span<std::byte>> whole = {all};
  ASSERT_EQ(Submit(*disk, BlockOperation::kRead, 0, whole), 0);
  EXPECT_EQ(all[kSectorSize - 1], std::byte{0});
  EXPECT_EQ(all[kSectorSize], std::byte{1});
  EXPECT_EQ(all[kSectorSize + 699], std::byte{1});
  EXPECT_EQ(all[kSectorSize + 700], std::byte{2});
  EXPECT_EQ(all[kSectorSize * 3 - 1], std::byte{2});
  EXPECT_EQ(all[kSectorSize * 3], std::byte{0});
}

TEST_F(RawDiskTest, FailsReadsOfAFileThatWasCutOffMeanwhile) {
  const auto disk = Open(BlockAccess::kReadWrite).value();
  ASSERT_EQ(::truncate(path_.c_str(), 100), 0);
  std::vector<std::byte> data(kSectorSize);
  const std::vector<std::span<std::byte>> pieces = {data};
  EXPECT_EQ(Submit(*disk, BlockOperation::kRead, 0, pieces), EIO);
}

// As on a full disk: a part is written, and then nothing more.
TEST_F(RawDiskTest, GoesOnAfterAShortWriteUntilItFails) {
  const auto disk = Open(BlockAccess::kReadWrite).value();
  constexpr rlim_t kLimit = kSectorSize + 100;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {.rlim_cur = kLimit, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::vector<std::byte> data(2 * kSectorSize, std::byte{3});
  const std::vector<std::span<std::byte>> whole = {data};
  const int error = Submit(*disk, BlockOperation::kWrite, 0, whole);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(error, EFBIG);
  std::vector<std::byte> back(2 * kSectorSize);
  const std::vector<std::span<std::byte>> all = {back};
  ASSERT_EQ(Submit(*disk, BlockOperation::kRead, 0, all), 0);
  EXPECT_EQ(back[kLimit - 1], std::byte{3});
  EXPECT_EQ(back[kLimit], std::byte{0});
}

TEST_F(RawDiskTest, RefusesADirectory) {
  OwnedFd fd(::open(::testing::TempDir().c_str(), O_RDONLY | O_DIRECTORY));
  const auto disk = OpenAs(std::move(fd), {}, "images");
  EXPECT_EQ(disk.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(disk.status()), AllOf(HasSubstr("\"images\""), HasSubstr("directory")));
}

TEST_F(RawDiskTest, RefusesWhatIsNeitherFileNorBlockDevice) {
  const auto disk = OpenAs(OwnedFd(::open("/dev/null", O_RDWR)), {}, "null");
  EXPECT_EQ(disk.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(disk.status()), HasSubstr("neither a regular file nor a block device"));
}

TEST_F(RawDiskTest, RefusesAnEmptyFile) {
  ASSERT_EQ(::truncate(path_.c_str(), 0), 0);
  EXPECT_THAT(Message(Open(BlockAccess::kReadWrite).status()),
              AllOf(HasSubstr("\"root.img\""), HasSubstr("empty")));
}

TEST_F(RawDiskTest, RefusesASizeThatIsNoMultipleOfASector) {
  ASSERT_EQ(::truncate(path_.c_str(), 1000), 0);
  EXPECT_THAT(Message(Open(BlockAccess::kReadOnly).status()),
              AllOf(HasSubstr("1000 bytes"), HasSubstr("not a multiple of 512")));
}

// Beyond it the jail would fail the guest's writes.
TEST_F(RawDiskTest, RefusesMoreThanSixteenTiB) {
  constexpr off_t kMost = off_t{16} << 40;
  OwnedFd file(::memfd_create("disk", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), kMost + kSectorSize), 0);
  const auto disk = OpenAs(OwnedFd(::dup(file.get())), {}, "huge.img");
  EXPECT_EQ(disk.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(disk.status()), AllOf(HasSubstr("\"huge.img\""), HasSubstr("16 TiB")));
  ASSERT_EQ(::ftruncate(file.get(), kMost), 0);
  EXPECT_EQ(OpenAs(std::move(file), {}, "huge.img").value()->capacity(),
            static_cast<uint64_t>(kMost));
}

TEST_F(RawDiskTest, RefusesToWriteThroughADescriptorForReading) {
  const auto disk = OpenAs(OpenFile(O_RDONLY), {}, "root.img");
  EXPECT_EQ(disk.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(Message(disk.status()), HasSubstr("attach it read-only"));
}

TEST_F(RawDiskTest, RefusesToReadThroughADescriptorForWriting) {
  const auto disk = OpenAs(OpenFile(O_WRONLY), {.access = BlockAccess::kReadOnly}, "root.img");
  EXPECT_EQ(disk.status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(RawDiskTest, RefusesADescriptorForAppending) {
  const auto disk = OpenAs(OpenFile(O_RDWR | O_APPEND), {}, "root.img");
  EXPECT_THAT(Message(disk.status()), HasSubstr("O_APPEND"));
}

TEST_F(RawDiskTest, RefusesASecondWriter) {
  const auto first = Open(BlockAccess::kReadWrite).value();
  for (const BlockAccess access : {BlockAccess::kReadWrite, BlockAccess::kReadOnly}) {
    const auto second = Open(access);
    EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(Message(second.status()), AllOf(HasSubstr("\"root.img\""), HasSubstr("in use")));
  }
}

TEST_F(RawDiskTest, LetsManyReadButNoneWriteMeanwhile) {
  const auto first = Open(BlockAccess::kReadOnly).value();
  EXPECT_TRUE(Open(BlockAccess::kReadOnly).ok());
  EXPECT_FALSE(Open(BlockAccess::kReadWrite).ok());
}

TEST_F(RawDiskTest, GivesTheLockBackThoughAnotherHoldsTheSameOpenFile) {
  const OwnedFd keeper = OpenFile(O_RDWR);
  auto disk = OpenAs(OwnedFd::Duplicate(keeper.get()).value(), {}, "root.img").value();
  EXPECT_FALSE(Open(BlockAccess::kReadWrite).ok());
  disk->Close();
  EXPECT_TRUE(Open(BlockAccess::kReadWrite).ok());
}

TEST_F(RawDiskTest, FailsEverythingWhenClosed) {
  const auto disk = Open(BlockAccess::kReadWrite).value();
  disk->Close();
  std::vector<std::byte> data(kSectorSize);
  const std::vector<std::span<std::byte>> pieces = {data};
  EXPECT_EQ(Submit(*disk, BlockOperation::kRead, 0, pieces), EBADF);
  EXPECT_EQ(Submit(*disk, BlockOperation::kWrite, 0, pieces), EBADF);
  EXPECT_EQ(Submit(*disk, BlockOperation::kFlush, 0, {}), EBADF);
}

}  // namespace
}  // namespace mayfly::virtio
