#include "base/owned_fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "gtest/gtest.h"

namespace mayfly {
namespace {

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

OwnedFd OpenNull() { return OwnedFd(::open("/dev/null", O_RDWR | O_CLOEXEC)); }

TEST(OwnedFd, ClosesAtTheEndOfItsLife) {
  int number = -1;
  {
    const OwnedFd fd = OpenNull();
    number = fd.get();
    ASSERT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST(OwnedFd, MovesLeaveNothingBehind) {
  OwnedFd a = OpenNull();
  const int number = a.get();
  OwnedFd b = std::move(a);
  // NOLINTNEXTLINE(bugprone-use-after-move,clang-analyzer-cplusplus.Move): what is under test
  EXPECT_FALSE(a.valid());
  EXPECT_EQ(b.get(), number);
  OwnedFd c = OpenNull();
  const int replaced = c.get();
  c = std::move(b);
  EXPECT_EQ(c.get(), number);
  EXPECT_FALSE(IsOpen(replaced));
}

TEST(OwnedFd, ReleaseGivesOwnershipAway) {
  OwnedFd fd = OpenNull();
  const int number = fd.release();
  fd.Reset();
  EXPECT_TRUE(IsOpen(number));
  ::close(number);
}

TEST(OwnedFd, DuplicateIsClosedOnExec) {
  const OwnedFd fd = OpenNull();
  const auto copy = OwnedFd::Duplicate(fd.get());
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_NE(copy->get(), fd.get());
  EXPECT_EQ(::fcntl(copy->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(OwnedFd, DuplicatingNothingIsAnError) { EXPECT_FALSE(OwnedFd::Duplicate(-1).ok()); }

}  // namespace
}  // namespace mayfly
