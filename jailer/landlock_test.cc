#include "jailer/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "base/owned_fd.h"
#include "gtest/gtest.h"

namespace mayfly::jailer {
namespace {

constexpr int kCannot = 78;

// What `attempt` returns in a process that has forsaken files.
int Forsaken(const std::function<int()>& attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(ForsakeFiles().ok() ? attempt() : kCannot);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

// 0, or the errno of what failed.
int Outcome(int result) { return result < 0 ? errno : 0; }

class LandlockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (LandlockAbi() == 0) {
      GTEST_SKIP() << "runs where the kernel has landlock: Linux 5.13, and landlock in lsm=";
    }
  }
};

TEST_F(LandlockTest, NoFileCanBeOpened) {
  EXPECT_EQ(Forsaken([] { return Outcome(::open("/etc/passwd", O_RDONLY)); }), EACCES);
  EXPECT_EQ(Forsaken([] { return Outcome(::open("/dev/null", O_WRONLY)); }), EACCES);
  EXPECT_EQ(Forsaken([] { return Outcome(::open("/", O_RDONLY | O_DIRECTORY)); }), EACCES);
}

TEST_F(LandlockTest, NorMadeNorRun) {
  const std::string path = ::testing::TempDir() + "forsaken";
  EXPECT_EQ(Forsaken([&] { return Outcome(::open(path.c_str(), O_WRONLY | O_CREAT, 0600)); }),
            EACCES);
  EXPECT_EQ(Forsaken([&] { return Outcome(::mkdir(path.c_str(), 0700)); }), EACCES);
  EXPECT_EQ(Forsaken([] {
              char* const none[] = {nullptr};
              return Outcome(::execve("/bin/true", none, none));
            }),
            EACCES);
}

TEST_F(LandlockTest, WhatIsOpenStaysOpen) {
  const OwnedFd file(::open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file.valid());
  EXPECT_EQ(Forsaken([&] {
              char byte = 0;
              return Outcome(static_cast<int>(::pread(file.get(), &byte, 1, 0)));
            }),
            0);
}

TEST_F(LandlockTest, WhatItMakesIsInIt) {
  EXPECT_EQ(Forsaken([] {
              const pid_t child = ::fork();
              if (child == 0) ::_exit(Outcome(::open("/etc/passwd", O_RDONLY)));
              int status = 0;
              ::waitpid(child, &status, 0);
              return WEXITSTATUS(status);
            }),
            EACCES);
}

}  // namespace
}  // namespace mayfly::jailer
