#include "api/host/host_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/owned_fd.h"
#include "base/pipe.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

class HostLogTest : public ::testing::Test {
 protected:
  Pipe pipe_ = Pipe::Make().value();
};

TEST_F(HostLogTest, TheJournalIsKnownByItsDeviceAndInode) {
  struct stat status {};
  ASSERT_EQ(::fstat(pipe_.writer.get(), &status), 0);
  const std::string device = std::to_string(status.st_dev);
  const std::string inode = std::to_string(status.st_ino);
  EXPECT_TRUE(IsJournal((device + ":" + inode).c_str(), pipe_.writer.get()));
  EXPECT_FALSE(IsJournal((device + ":" + inode + "0").c_str(), pipe_.writer.get()));
  EXPECT_FALSE(IsJournal((inode + ":" + device).c_str(), pipe_.writer.get()));
  EXPECT_FALSE(IsJournal("", pipe_.writer.get()));
  EXPECT_FALSE(IsJournal(nullptr, pipe_.writer.get()));
  EXPECT_FALSE(IsJournal((device + ":" + inode).c_str(), -1));
}

TEST_F(HostLogTest, OtherwiseThereIsALineForEachMessageAndNoMore) {
  const OwnedFd before(::dup(STDERR_FILENO));
  ASSERT_EQ(::dup2(pipe_.writer.get(), STDERR_FILENO), STDERR_FILENO);
  SetLogLevel(LogLevel::WARNING);
  Log(LogLevel::WARNING, "of a VM:\nmayflyd: forged\x1b", {{"MAYFLY_VM", "1"}});
  Log(LogLevel::INFO, "not asked for");
  ::dup2(before.get(), STDERR_FILENO);
  std::array<char, 256> text{};
  const ssize_t length = ::read(pipe_.reader.get(), text.data(), text.size());
  ASSERT_GT(length, 0);
  EXPECT_EQ(std::string(text.data(), static_cast<size_t>(length)),
            "mayflyd: of a VM: mayflyd: forged \n");
}

TEST_F(HostLogTest, WhoDoesNotReadHoldsUpNobodyAndLearnsWhatItMissed) {
  constexpr size_t kMany = 10'000;
  const OwnedFd before(::dup(STDERR_FILENO));
  ASSERT_EQ(::dup2(pipe_.writer.get(), STDERR_FILENO), STDERR_FILENO);
  SetLogLevel(LogLevel::WARNING);
  for (size_t line = 0; line < kMany; ++line) Log(LogLevel::WARNING, "something");
  Log(LogLevel::WARNING, std::string(size_t{1} << 20, 'x'));
  std::string text;
  const auto read_all = [&] {
    std::array<char, 4096> part{};
    ssize_t length = 0;
    while ((length = ::read(pipe_.reader.get(), part.data(), part.size())) > 0) {
      text.append(part.data(), static_cast<size_t>(length));
    }
  };
  ASSERT_EQ(::fcntl(pipe_.reader.get(), F_SETFL, O_NONBLOCK), 0);
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
