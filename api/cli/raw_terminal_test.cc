#include "api/cli/raw_terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "base/owned_fd.h"
#include "gtest/gtest.h"

namespace mayfly::cli {
namespace {

bool IsRaw(int terminal) {
  termios mode{};
  return ::tcgetattr(terminal, &mode) == 0 && (mode.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

// The number of the first step that did not hold, or 0. For processes that must not come back.
class Steps final {
 public:
  void Expect(bool holds) {
    ++step_;
    if (!holds && failed_ == 0) failed_ = step_;
  }
  [[nodiscard]] int failed() const { return failed_; }

 private:
  int step_ = 0;
  int failed_ = 0;
};

// Runs `work` in a child process, which ends with what it answers.
int RunInChild(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The leader of a session that has `path` as its terminal: a shell, so to speak.
OwnedFd LeadSession(const std::string& path) {
  ::setsid();
  OwnedFd terminal(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  ::ioctl(terminal.get(), TIOCSCTTY, 0);
  ::signal(SIGTTOU, SIG_IGN);
  return terminal;
}

class RawTerminalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    host_ = OwnedFd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(host_.valid());
    ASSERT_EQ(::grantpt(host_.get()), 0);
    ASSERT_EQ(::unlockpt(host_.get()), 0);
    path_ = ::ptsname(host_.get());
  }

  OwnedFd host_;  // the other end
  std::string path_;
};

TEST_F(RawTerminalTest, IsRawUntilRestored) {
  EXPECT_EQ(RunInChild([this] {
              const OwnedFd terminal = LeadSession(path_);
              Steps steps;
              RawTerminal raw(terminal.get());
              steps.Expect(raw.is_terminal() && raw.may_read());
              steps.Expect(!IsRaw(terminal.get()));
              raw.Enter();
              steps.Expect(IsRaw(terminal.get()));
              raw.Restore();
              steps.Expect(!IsRaw(terminal.get()));
              return steps.failed();
            }),
            0)
      << "the step that failed";
}

TEST_F(RawTerminalTest, ABackgroundJobLeavesItAlone) {
  EXPECT_EQ(RunInChild([this] {
              const OwnedFd terminal = LeadSession(path_);
              // The job, in a process group of its own; the shell's has the terminal.
              return RunInChild([&terminal] {
                ::setpgid(0, 0);
                Steps steps;
                RawTerminal raw(terminal.get());
                steps.Expect(raw.is_terminal());
                steps.Expect(!raw.may_read());
                raw.Enter();
                steps.Expect(!IsRaw(terminal.get()));
                return steps.failed();
              });
            }),
            0)
      << "the step that failed";
}

TEST_F(RawTerminalTest, IsRawOnceMoreWhenTheShellGivesItBack) {
  EXPECT_EQ(RunInChild([this] {
              const OwnedFd terminal = LeadSession(path_);
              Steps steps;
              termios cooked{};
              steps.Expect(::tcgetattr(terminal.get(), &cooked) == 0);
              RawTerminal raw(terminal.get());
              raw.Enter();
              steps.Expect(IsRaw(terminal.get()));
              ::tcsetattr(terminal.get(), TCSANOW, &cooked);  // as a shell does when its job stops
              raw.Enter();                                    // at SIGCONT
              steps.Expect(IsRaw(terminal.get()));
              return steps.failed();
            }),
            0)
      << "the step that failed";
}

TEST(RawTerminalOnAFile, DoesNothingAndMayBeRead) {
  const OwnedFd file(::open("/dev/null", O_RDWR | O_CLOEXEC));
  RawTerminal raw(file.get());
  EXPECT_FALSE(raw.is_terminal());
  EXPECT_TRUE(raw.may_read());
  raw.Enter();
  raw.Restore();
}

}  // namespace
}  // namespace mayfly::cli
