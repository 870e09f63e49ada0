#include "base/file_io.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>

#include "base/owned_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mayfly {
namespace {

using testing::HasSubstr;

TEST(FileIo, WritesAndReadsBack) {
  const OwnedFd file(::memfd_create("test", MFD_CLOEXEC));
  const std::array<std::byte, 3> data = {std::byte{1}, std::byte{2}, std::byte{3}};
  ASSERT_TRUE(WriteFully(file.get(), 10, data).ok());
  std::array<std::byte, 3> read{};
  ASSERT_TRUE(ReadFully(file.get(), 10, read).ok());
  EXPECT_EQ(read, data);
  EXPECT_EQ(FileSize(file.get()).value(), 13U);
  EXPECT_EQ(FileEnd(file.get()).value(), 13U);
}

TEST(FileIo, ReadingBeyondTheEndSaysWhereItEnds) {
  const OwnedFd file(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), 5), 0);
  std::array<std::byte, 8> read{};
  const absl::Status status = ReadFully(file.get(), 0, read);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(status.message(), "the file ends at byte 5");
  EXPECT_FALSE(ReadFully(file.get(), ~uint64_t{0}, read).ok());
}

TEST(FileIo, SizeIsOfFilesOnly) {
  const OwnedFd directory(::open("/", O_RDONLY | O_CLOEXEC));
  EXPECT_THAT(FileSize(directory.get()).status().message(), HasSubstr("a directory: name a file"));
  const OwnedFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_THAT(FileSize(null.get()).status().message(), HasSubstr("nor a block device: name one"));
  EXPECT_FALSE(FileSize(-1).ok());
  EXPECT_FALSE(FileEnd(-1).ok());
}

TEST(FileIo, TextOfTheKernelIsReadWhole) {
  const OwnedFd self(::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(ReadText(self.get(), "comm").value(), std::string("file_io_test"));
  const std::string maps = ReadText(AT_FDCWD, "/proc/self/maps").value();
  EXPECT_GT(maps.size(), 4096U);
  EXPECT_THAT(maps, HasSubstr("[stack]"));
  EXPECT_EQ(ReadText(AT_FDCWD, "/nonexistent").status().message(),
            "opening /nonexistent: No such file or directory");
  EXPECT_EQ(ReadText(AT_FDCWD, "/proc/self").status().message(),
            "reading /proc/self: Is a directory");
}

TEST(FileIo, LocksAreOfOpenFiles) {
  const OwnedFd first(::memfd_create("test", MFD_CLOEXEC));
  const std::string path = "/proc/self/fd/" + std::to_string(first.get());
  const OwnedFd second(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_TRUE(TryLockFile(first.get(), FileLock::kShared).value());
  EXPECT_TRUE(TryLockFile(second.get(), FileLock::kShared).value());
  EXPECT_FALSE(TryLockFile(second.get(), FileLock::kExclusive).value());
  UnlockFile(first.get());
  EXPECT_TRUE(TryLockFile(second.get(), FileLock::kExclusive).value());
  EXPECT_FALSE(TryLockFile(first.get(), FileLock::kShared).value());
  EXPECT_FALSE(TryLockFile(-1, FileLock::kShared).ok());
}

TEST(FileIo, FindsWhatIsStored) {
  constexpr uint64_t kSize = 64 << 10;
  const OwnedFd file(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), kSize), 0);
  EXPECT_EQ(NextStoredByte(file.get(), 0, kSize).value(), kSize);
  const std::array<std::byte, 1> data{};
  ASSERT_TRUE(WriteFully(file.get(), kSize / 2, data).ok());
  EXPECT_EQ(NextStoredByte(file.get(), 0, kSize).value(), kSize / 2);
  EXPECT_EQ(NextStoredByte(file.get(), 0, kSize / 4).value(), kSize / 4);
  EXPECT_EQ(NextStoredByte(file.get(), kSize / 2, kSize).value(), kSize / 2);
  EXPECT_FALSE(NextStoredByte(-1, 0, kSize).ok());
}

TEST(FileIo, WritingToAFullDeviceIsAnError) {
  const OwnedFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  const std::array<std::byte, 1> data{};
  EXPECT_EQ(WriteFully(full.get(), 0, data).code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace mayfly
