#include "api/client/process_end.h"

#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "base/owned_fd.h"
#include "base/pipe.h"
#include "gtest/gtest.h"

namespace mayfly::api {
namespace {

[[nodiscard]] jailer::ChildProcess Start(const char* program, const std::string& argument) {
  const OwnedFd file(::open(program, O_PATH | O_CLOEXEC));
  jailer::SpawnOptions options;
  options.program = file.get();
  options.arguments = {program, argument};
  return jailer::Spawn(options).value();
}

TEST(AwaitEnd, WaitsForWhatEnds) {
  EXPECT_EQ(Describe(AwaitEnd(Start("/bin/false", ""))), "exited with status 1");
}

TEST(AwaitEnd, EndsWhatGoesOn) {
  EXPECT_EQ(Describe(AwaitEnd(Start("/bin/sleep", "1000"))), "was killed by signal 9 (Killed)");
}

TEST(AwaitEnd, EndsWhatGoesOnThoughInterrupted) {
  const jailer::ChildProcess process = Start("/bin/sleep", "1000");
  struct sigaction action = {};
  action.sa_handler = [](int /*signal*/) {};
  struct sigaction before = {};
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  constexpr suseconds_t kSoon = 1000;
  // Again and again, should the first come too early.
  const itimerval soon = {.it_interval = {.tv_sec = 0, .tv_usec = kSoon},
                          .it_value = {.tv_sec = 0, .tv_usec = kSoon}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &soon, nullptr), 0);
  const std::string end = Describe(AwaitEnd(process));
  const itimerval never = {};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &never, nullptr), 0);
  ASSERT_EQ(::sigaction(SIGALRM, &before, nullptr), 0);
  EXPECT_EQ(end, "was killed by signal 9 (Killed)");
}

class LastWordsTest : public testing::Test {
 protected:
  void Say(const std::string& words) const {
    ASSERT_EQ(::write(pipe_.writer.get(), words.data(), words.size()),
              static_cast<ssize_t>(words.size()));
  }

  Pipe pipe_ = Pipe::MakeNonBlocking().value();
};

TEST_F(LastWordsTest, AreAllWhereTheyAreFew) {
  EXPECT_EQ(ReadLastWords(pipe_.reader.get()), "");
  Say("first\nsecond\n\n");
  EXPECT_EQ(ReadLastWords(pipe_.reader.get()), "first\nsecond");
}

TEST_F(LastWordsTest, AreTheLastWhereTheyAreMany) {
  Say(std::string(50000, 'x'));
  Say("this is why\n");
  pipe_.writer = OwnedFd();
  const std::string words = ReadLastWords(pipe_.reader.get());
  EXPECT_EQ(words.size(), 4095U);
  EXPECT_TRUE(words.ends_with("xthis is why")) << words;
}

}  // namespace
}  // namespace mayfly::api
