#include "virtio/block/disk/uring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/owned_fd.h"
#include "gtest/gtest.h"

namespace mayfly::virtio {
namespace {

constexpr unsigned kEntries = 8;
constexpr std::string_view kContent = "what the file has";

class UringTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::pwrite(file_.get(), kContent.data(), kContent.size(), 0),
              static_cast<ssize_t>(kContent.size()));
    auto uring = Uring::Create(kEntries, file_.get());
    if (!uring.ok()) GTEST_SKIP() << uring.status();
    uring_ = *std::move(uring);
  }

  // What the one request that is queued comes to.
  int32_t Result() {
    EXPECT_EQ(uring_->Submit(), 0);
    EXPECT_EQ(uring_->Wait(), 0);
    std::array<Uring::Completion, 1> room;
    return uring_->Reap(room).front().result;
  }

  const OwnedFd file_{::memfd_create("uring_test", MFD_CLOEXEC)};
  std::unique_ptr<Uring> uring_;
};

TEST_F(UringTest, ReadsItsFile) {
  std::array<char, kContent.size()> bytes{};
  const iovec piece = {.iov_base = bytes.data(), .iov_len = bytes.size()};
  io_uring_sqe* const sqe = uring_->Next();
  ::io_uring_prep_readv(sqe, Uring::kFile, &piece, 1, 0);
  Uring::Queue(sqe, nullptr);
  EXPECT_EQ(Result(), static_cast<int32_t>(kContent.size()));
  EXPECT_EQ(std::string_view(bytes.data(), bytes.size()), kContent);
}

// As one would who has taken the thread over.
TEST_F(UringTest, NoOtherFileCanBeRead) {
  std::array<char, 1> bytes{};
  const iovec piece = {.iov_base = bytes.data(), .iov_len = bytes.size()};
  ::io_uring_prep_readv(uring_->Next(), file_.get(), &piece, 1, 0);
  EXPECT_EQ(Result(), -EACCES);
}

TEST_F(UringTest, NothingElseCanBeDone) {
  ::io_uring_prep_nop(uring_->Next());
  EXPECT_EQ(Result(), -EACCES);
  ::io_uring_prep_openat(uring_->Next(), AT_FDCWD, "/", O_PATH, 0);
  EXPECT_EQ(Result(), -EACCES);
  ::io_uring_prep_openat_direct(uring_->Next(), AT_FDCWD, "/", O_PATH, 0, Uring::kFile);
  EXPECT_EQ(Result(), -EACCES);
  ::io_uring_prep_socket(uring_->Next(), AF_INET, SOCK_STREAM, 0, 0);
  EXPECT_EQ(Result(), -EACCES);
}

TEST_F(UringTest, AnotherFileCannotBeRegistered) {
  const int other = file_.get();
  const auto result =
      ::syscall(SYS_io_uring_register, uring_->fd(), IORING_REGISTER_FILES_UPDATE, &other, 1);
  EXPECT_EQ(result, -1);
  EXPECT_EQ(errno, EACCES);
}

}  // namespace
}  // namespace mayfly::virtio
