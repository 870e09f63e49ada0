#include "api/host/host_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/owned_fd.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

class HostLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reader_ = OwnedFd(ends[0]);
    writer_ = OwnedFd(ends[1]);
  }

  OwnedFd reader_;
  OwnedFd writer_;
};

TEST_F(HostLogTest, TheJournalIsKnownByItsDeviceAndInode) {
  struct stat status {};
  ASSERT_EQ(::fstat(writer_.get(), &status), 0);
  const std::string device = std::to_string(status.st_dev);
  const std::string inode = std::to_string(status.st_ino);
  EXPECT_TRUE(IsJournal((device + ":" + inode).c_str(), writer_.get()));
  EXPECT_FALSE(IsJournal((device + ":" + inode + "0").c_str(), writer_.get()));
  EXPECT_FALSE(IsJournal((inode + ":" + device).c_str(), writer_.get()));
  EXPECT_FALSE(IsJournal("", writer_.get()));
  EXPECT_FALSE(IsJournal(nullptr, writer_.get()));
  EXPECT_FALSE(IsJournal((device + ":" + inode).c_str(), -1));
}

TEST_F(HostLogTest, OtherwiseThereIsALineForEachMessageAndNoMore) {
  const OwnedFd before(::dup(STDERR_FILENO));
  ASSERT_EQ(::dup2(writer_.get(), STDERR_FILENO), STDERR_FILENO);
  SetLogLevel(LogLevel::WARNING);
  Log(LogLevel::WARNING, "of a VM:\nmayflyd: forged\x1b", {{"MAYFLY_VM", "1"}});
  Log(LogLevel::INFO, "not asked for");
  ::dup2(before.get(), STDERR_FILENO);
  std::array<char, 256> text{};
  const ssize_t length = ::read(reader_.get(), text.data(), text.size());
  ASSERT_GT(length, 0);
  EXPECT_EQ(std::string(text.data(), static_cast<size_t>(length)),
            "mayflyd: of a VM: mayflyd: forged \n");
}

TEST_F(HostLogTest, WhoDoesNotReadHoldsUpNobodyAndLearnsWhatItMissed) {
  constexpr size_t kMany = 10'000;
  const OwnedFd before(::dup(STDERR_FILENO));
  ASSERT_EQ(::dup2(writer_.get(), STDERR_FILENO), STDERR_FILENO);
  SetLogLevel(LogLevel::WARNING);
  for (size_t line = 0; line < kMany; ++line) Log(LogLevel::WARNING, "something");
  Log(LogLevel::WARNING, std::string(size_t{1} << 20, 'x'));
  std::string text;
  const auto read_all = [&] {
    std::array<char, 4096> part{};
    ssize_t length = 0;
    while ((length = ::read(reader_.get(), part.data(), part.size())) > 0) {
      text.append(part.data(), static_cast<size_t>(length));
    }
  };
  ASSERT_EQ(::fcntl(reader_.get(), F_SETFL, O_NONBLOCK), 0);
  read_all();
  const auto told = static_cast<size_t>(std::ranges::count(text, '\n'));
  EXPECT_LT(told, kMany);
  text.clear();
  Log(LogLevel::WARNING, "again");
  read_all();
  ::dup2(before.get(), STDERR_FILENO);
  EXPECT_EQ(text, "mayflyd: " + std::to_string(kMany + 1 - told) +
                      " lines of this log were lost: nobody read them\nmayflyd: again\n");
}

}  // namespace
}  // namespace mayfly::api
